package leader

import (
	"testing"
	"time"
)

// TestPaceChanges: a follower that would look once an hour looks more often from
// the next try on, once it is told to.
func TestPaceChanges(t *testing.T) {
	address := installed(t)
	first := run(t, quick(address, "first"))
	first.lease(t)

	slow, told := quick(address, "second"), make(chan struct{})
	slow.LeaseTimeout, slow.PollInterval, slow.RetryMax = 6*time.Hour, time.Hour, time.Hour
	slow.Ready = func() error { <-told; return nil } // it has not begun to wait
	second := run(t, slow)
	if apply, err := second.Prepare(Options{PollInterval: 5 * time.Hour}); err == nil || apply != nil {
		t.Error("a pause that the lease timeout does not allow was taken over")
	}
	apply, err := second.Prepare(Options{PollInterval: 10 * time.Millisecond, RetryMax: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	apply()
	close(told)
	second.until(t, Following)
	first.frozen.Store(true) // it does not come back
	if n := value[int](t, connectTo(t, address), terminateLock); n != 1 {
		t.Fatalf("%d sessions had the lock", n)
	}
	second.lease(t)
}
