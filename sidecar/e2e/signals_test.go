package e2e_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// Exit codes, as the help text gives them.
const (
	exitOK          = 0
	exitFound       = 1
	exitUsage       = 2
	exitFailed      = 3
	exitInterrupted = 130
)

func TestKilled(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	p := run(t, address)
	if l := leftovers(t, conn); l.slots != 1 || l.senders != 1 {
		t.Fatalf("it does not follow: %+v", l)
	}
	p.signal(syscall.SIGKILL)
	p.wait(5 * time.Second)
	gone(t, conn, 15*time.Second, nothing)
}

// Stopped as by a debugger or a frozen container: the kernel still answers for
// it, so that idle sessions stay; what holds the server's log or rows back goes.
func TestFrozen(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	p := run(t, address)
	p.signal(syscall.SIGSTOP)
	gone(t, conn, 15*time.Second, func(l left) bool { return l.slots == 0 && l.senders == 0 && l.holding == 0 })
	p.signal(syscall.SIGCONT)
	followtest.Eventually(t, "it to follow again", func() bool {
		response, err := p.get("/readyz")
		return err == nil && response.StatusCode == http.StatusOK && leftovers(t, conn).slots == 1
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(20 * time.Second); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	gone(t, conn, 5*time.Second, nothing)
}

func TestFirstSignalClosesGracefully(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			address := followtest.Database(t, testbed.Options{})
			conn := followtest.Connect(t, address)
			p := run(t, address)
			p.signal(signal)
			if code := p.wait(15 * time.Second); code != exitOK {
				t.Errorf("exit code %d", code)
			}
			gone(t, conn, 5*time.Second, nothing)
			if out := p.output(); strings.Contains(out, "goroutine ") || strings.Contains(out, "[ERROR]") {
				t.Errorf("stderr:\n%s", out)
			}
		})
	}
}

// A request whose body does not come holds the closing up; the second signal
// does not wait for it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	p := run(t, address)
	request, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	fmt.Fprintf(request, "POST /v1/contexts HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", p.address)
	// The handler has begun to read when the server asks for the body.
	if answer, err := bufio.NewReader(request).ReadString('\n'); err != nil || !strings.Contains(answer, "100 Continue") {
		t.Fatal(answer, err)
	}
	p.signal(syscall.SIGTERM)
	followtest.Eventually(t, "the first signal to be heard", func() bool { return strings.Contains(p.output(), "second signal") })
	select {
	case <-p.exit:
		t.Fatal("it did not wait for the request")
	case <-time.After(500 * time.Millisecond):
	}
	begun := time.Now()
	p.signal(syscall.SIGTERM)
	if code := p.wait(5 * time.Second); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	t.Logf("ended %s after the second signal", time.Since(begun).Round(time.Millisecond))
	gone(t, conn, 15*time.Second, nothing)
}
