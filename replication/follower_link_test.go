package replication

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cuttable is a link to the server that can be cut.
type cuttable struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	conns    map[net.Conn]bool
	dialed   atomic.Int64
	most     int
	stalled  chan struct{} // closed: carry nothing any more
	all      sync.WaitGroup
}

func newCuttable(t *testing.T, address string) (*cuttable, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cuttable{listener: listener, to: u.Host, conns: map[net.Conn]bool{}, stalled: make(chan struct{})}
	u.Host = listener.Addr().String()
	c.all.Go(c.run)
	t.Cleanup(func() {
		_ = listener.Close()
		c.cut()
		c.all.Wait()
	})
	return c, u.String()
}

func (c *cuttable) run() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.dialed.Add(1)
		c.mu.Lock()
		c.conns[near], c.conns[far] = true, true
		c.most = max(c.most, len(c.conns)/2)
		c.mu.Unlock()
		pipe := func(to, from net.Conn) {
			_, _ = io.Copy(to, &stalling{from, c.stalled})
			_, _ = to.Close(), from.Close()
			c.mu.Lock()
			delete(c.conns, to)
			delete(c.conns, from)
			c.mu.Unlock()
		}
		c.all.Go(func() { pipe(near, far) })
		c.all.Go(func() { pipe(far, near) })
	}
}

// stalling reads nothing more once it is told to, until it is closed.
type stalling struct {
	net.Conn
	stalled chan struct{}
}

func (s *stalling) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	select {
	case <-s.stalled:
		if err == nil {
			return s.wait() // what was read is swallowed
		}
	default:
	}
	return n, err
}

// wait leaves what arrives where it is.
func (s *stalling) wait() (int, error) {
	for {
		if err := s.Conn.SetReadDeadline(time.Now()); err != nil {
			return 0, err // closed
		}
		waitABit()
	}
}

// stall makes the link carry nothing any more, without closing it.
func (c *cuttable) stall() { close(c.stalled) }

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
}
