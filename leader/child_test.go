//go:build unix

package leader

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childVariable names the database in which this test's own program leads
// instead of testing, until it is killed.
const childVariable = "LEADER_TEST_DATABASE"

// child writes as fast as it can while it leads, and says what happens.
func child(address string) {
	o := quick(address, "child")
	o.TransactionIdleTimeout = time.Second
	o.LockTimeout = time.Second
	deposed := false
	o.Ready = func() error {
		if deposed {
			return ErrNotReady
		}
		return nil
	}
	o.OnEnded = func(_ Term, cause error) {
		deposed = true
		fmt.Println("ended:", cause)
	}
	e, err := New(o, func(ctx context.Context, l *Lease) error {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		for n := 0; ; n++ {
			if err := write(l, conn, "child"); err != nil {
				return err
			}
			if n == 10 {
				fmt.Println("leading:", l.Epoch())
			}
		}
	})
	if err == nil {
		err = e.Run(context.Background())
	}
	fmt.Println("exit:", err)
}

// TestStopped: a process that is stopped by a signal, as a machine that pauses
// would, has its kernel answer for it. After LeaseTimeout somebody else leads;
// when it goes on, it writes nothing and is told.
func TestStopped(t *testing.T) {
	t.Parallel()
	address := installed(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	hear := func(want string) string {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the child is gone before it said %q", want)
				}
				if strings.HasPrefix(line, want) {
					return line
				}
			case <-deadline:
				t.Fatalf("the child did not say %q", want)
			}
		}
	}
	hear("leading: 1")
	b := run(t, quick(address, "b"))
	b.until(t, Following)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l := b.lease(t)
	t.Logf("taken over after %s; the lease timeout is %s", time.Since(began), b.o.LeaseTimeout)
	conn := connectTo(t, address)
	const count = "SELECT count(*) FROM written WHERE epoch = 1"
	before := value[int64](t, conn, count)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	t.Log("the child, awake, says", hear("ended:"))
	if after := value[int64](t, conn, count); after != before || before < 10 {
		t.Errorf("%d rows of epoch 1, then %d", before, after)
	}
	if err := write(l, conn, "b"); err != nil {
		t.Error(err)
	}
}
