package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

// remote asks a running sidecar over HTTP.
type remote struct {
	base   *url.URL
	token  string // empty: none is sent
	client *http.Client
}

func newRemote(server, token string, timeout time.Duration) (*remote, error) {
	base, err := url.Parse(server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usageError("--server %q is not an address: http://127.0.0.1:8765 is the form", server)
	}
	return &remote{base: base, token: token, client: &http.Client{Timeout: timeout}}, nil
}

// problem is what the API answers instead, RFC 9457.
type problem struct {
	Type    string          `json:"type"`
	Status  int             `json:"status"`
	Title   string          `json:"title"`
	Detail  string          `json:"detail"`
	Refusal *writer.Refusal `json:"refusal"`
}

// call asks for path, relative to the server's address, and decodes the answer
// into out.
func (r *remote) call(ctx context.Context, method, path string, query url.Values, out any) error {
	return r.send(ctx, method, path, query, nil, out)
}

// send is call with a body, which is sent as JSON unless it is nil, and with
// headers: names and values.
func (r *remote) send(ctx context.Context, method, path string, query url.Values, body, out any, headers ...string) error {
	target := r.base.JoinPath(path)
	target.RawQuery = query.Encode()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), content)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the sidecar at %s: %w; is it running, and is --server right?", r.base.Redacted(), unwrapURL(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the sidecar's answer: %w", err)
	}
	if response.StatusCode >= 300 {
		return describeProblem(response, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer of %s is not what a sidecar says: %w", target.Redacted(), err)
	}
	return nil
}

func describeProblem(response *http.Response, body []byte) error {
	var p problem
	if json.Unmarshal(body, &p) != nil || p.Title == "" {
		return fmt.Errorf("the sidecar answered %s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	if p.Refusal != nil && p.Refusal.Reason != writer.InDoubt {
		return &codedError{exitRefused, &refusedError{p.Detail, p.Refusal}}
	}
	if p.Detail == "" {
		return fmt.Errorf("the sidecar answered %d: %s", response.StatusCode, p.Title)
	}
	err := fmt.Errorf("the sidecar answered %d: %s", response.StatusCode, p.Detail)
	if p.Type == api.ProblemInvalidRequest {
		return &codedError{exitUsage, err}
	}
	return err
}

// unwrapURL drops the method and the address that net/http puts before the cause.
func unwrapURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
