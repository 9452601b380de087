package leader

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// link passes connections on to a server until it is cut or stalled.
type link struct {
	listener net.Listener
	server   string
	pooled   bool // announce another process than the one that serves

	mu    sync.Mutex
	open  []net.Conn
	stuck chan struct{} // closed: carry nothing any more
	all   sync.WaitGroup
}

func newLink(t *testing.T, address string) (*link, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, server: u.Host, stuck: make(chan struct{})}
	u.Host = listener.Addr().String()
	l.all.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", l.server)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.open = append(l.open, near, far)
			l.mu.Unlock()
			l.all.Go(func() { l.carry(far, near, nil) })
			l.all.Go(func() { l.carry(near, far, l.announce) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
		l.all.Wait()
	})
	return l, u.String()
}

func (l *link) carry(to, from net.Conn, change func([]byte)) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-l.stuck:
			_, _ = io.Copy(io.Discard, from) // as if it were on its way for ever
			return
		default:
		}
		if change != nil {
			change(buffer[:n])
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// announce changes the process number in BackendKeyData, as a pooler does.
func (l *link) announce(message []byte) {
	for i := 0; l.pooled && i+9 <= len(message); {
		length := int(binary.BigEndian.Uint32(message[i+1:]))
		if message[i] == 'K' {
			binary.BigEndian.PutUint32(message[i+5:], 4711)
			return
		}
		i += 1 + length
	}
}

// stall makes it carry nothing any more, though all stays connected.
func (l *link) stall() { close(l.stuck) }

// cut ends all connections.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}
