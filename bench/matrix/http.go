package matrix

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// HTTP is a client on one kept connection to a sidecar, as lean as the
// database's on the other side: what is measured is who answers.
type HTTP struct {
	host   string
	conn   net.Conn
	reader *bufio.Reader
	// Reach, if not nil, waits before an answer that is to be compared until the
	// index has everything that is committed.
	Reach func(ctx context.Context) error
}

// Browse connects to a sidecar's address, host:port.
func Browse(ctx context.Context, address string) (*HTTP, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("a connection to the sidecar: %w", err)
	}
	return &HTTP{host: address, conn: conn, reader: bufio.NewReader(conn)}, nil
}

// Name implements [Subject].
func (s *HTTP) Name() string { return OverHTTP }

// Can implements [Subject].
func (s *HTTP) Can(q *Question) bool { return q.path != nil }

// Close implements [Subject].
func (s *HTTP) Close() { s.conn.Close() }

// Answer implements [Subject].
func (s *HTTP) Answer(ctx context.Context, q *Question, a *Args) ([]any, error) {
	if s.Reach != nil {
		if err := s.Reach(ctx); err != nil {
			return nil, err
		}
	}
	if q.decode == nil {
		return s.ready()
	}
	body, err := s.send(q, a)
	if err != nil {
		return nil, err
	}
	return q.decode(body)
}

// Ask implements [Subject].
func (s *HTTP) Ask(_ context.Context, q *Question, a *Args) error {
	_, err := s.send(q, a)
	return err
}

// Get reads a whole answer.
func (s *HTTP) Get(path string) ([]byte, error) {
	return s.roundTrip(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.host), path)
}

func (s *HTTP) send(q *Question, a *Args) ([]byte, error) {
	path := q.path(a)
	if q.body == nil {
		return s.Get(path)
	}
	body := q.body(a)
	return s.roundTrip(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, s.host, len(body), body), path)
}

func (s *HTTP) roundTrip(request, path string) ([]byte, error) {
	if _, err := io.WriteString(s.conn, request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%.80s answers %s: %.300s", path, response.Status, body)
	}
	return body, nil
}

// ready turns all pages of the ready steps.
func (s *HTTP) ready() ([]any, error) {
	var all []tasker.ReadyStep
	for after := ""; ; {
		path := "/v1/steps/ready?limit=1000"
		if after != "" {
			path += "&after=" + url.QueryEscape(after)
		}
		body, err := s.Get(path)
		if err != nil {
			return nil, err
		}
		var page struct {
			Steps []tasker.ReadyStep `json:"steps"`
			Next  string             `json:"next"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Steps...)
		if after = page.Next; after == "" {
			return byID(reduced(all)), nil
		}
	}
}
