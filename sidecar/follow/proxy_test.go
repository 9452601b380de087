package follow_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a follower and its server, and cuts connections.
type proxy struct {
	listener net.Listener
	left     atomic.Int64 // bytes from the server until all are cut; negative: no end

	mu     sync.Mutex
	target string
	conns  map[net.Conn]bool
	all    sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.left.Store(-1)
	p.all.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.cut()
		p.all.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		server, err := net.Dial("tcp", p.target)
		if err == nil {
			p.conns[client], p.conns[server] = true, true
		}
		p.mu.Unlock()
		if err != nil {
			client.Close()
			continue
		}
		p.all.Go(func() { p.pass(server, client, false) })
		p.all.Go(func() { p.pass(client, server, true) })
	}
}

func (p *proxy) pass(to, from net.Conn, counted bool) {
	defer func() {
		to.Close()
		from.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, to)
		delete(p.conns, from)
	}()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if counted && n > 0 && p.left.Load() >= 0 && p.left.Add(-int64(n)) < 0 {
			p.left.Store(-1)
			p.cut()
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// cutAfter closes all connections when the server has sent that much more.
func (p *proxy) cutAfter(bytes int64) { p.left.Store(bytes) }

// point sends connections elsewhere, from the next one on.
func (p *proxy) point(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}
