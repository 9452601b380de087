// Package e2e tests the program as its users run it: the real binary against a
// real server. It has no code but its tests.
package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tasker-sidecar-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	binary = filepath.Join(dir, "tasker-sidecar")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return pgtest.Run(m)
}

// process is a running program.
type process struct {
	*exec.Cmd
	t    *testing.T
	exit chan struct{}

	mu      sync.Mutex
	stderr  bytes.Buffer
	address string // of the API
	probes  string // of the listener of probes, where there is one
	serving chan struct{}
}

// start runs the program; its environment has nothing that names a database.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with some variables.
func startWith(t *testing.T, environment []string, args ...string) *process {
	t.Helper()
	return startTo(t, nil, environment, args...)
}

// startTo is startWith with a file for what it prints; nil: nobody reads that.
func startTo(t *testing.T, stdout *os.File, environment []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, args...), t: t, exit: make(chan struct{}), serving: make(chan struct{})}
	if stdout != nil {
		p.Stdout = stdout
	}
	p.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TZ=America/New_York"}, environment...)
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exit)
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			p.line(lines.Bytes())
		}
		_ = p.Wait() // the code tells
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.exit
		if t.Failed() {
			t.Logf("stderr:\n%s", p.output())
		}
	})
	return p
}

func (p *process) line(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.Write(line)
	p.stderr.WriteByte('\n')
	var entry struct {
		Message string `json:"@message"`
		Address string `json:"address"`
		Probes  string `json:"probes"`
	}
	if json.Unmarshal(line, &entry) == nil && entry.Message == "serving" && p.address == "" {
		p.address, p.probes = entry.Address, entry.Probes
		close(p.serving)
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// wait waits for its end and gives the exit code.
func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.exit:
	case <-time.After(within):
		p.t.Fatalf("it has not ended within %s", within)
	}
	return p.ProcessState.ExitCode()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// get asks the API.
func (p *process) get(path string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		response.Body.Close()
	}
	return response, err
}

// ready waits until it answers and vouches for its answers.
func (p *process) ready() {
	p.t.Helper()
	select {
	case <-p.serving:
	case <-p.exit:
		p.t.Fatal("it has ended")
	case <-time.After(followtest.Patience):
		p.t.Fatal("it does not serve")
	}
	followtest.Eventually(p.t, "readiness", func() bool {
		response, err := p.get("/readyz")
		return err == nil && response.StatusCode == http.StatusOK
	})
}

// run starts a sidecar that follows the database.
func run(t *testing.T, address string, args ...string) *process {
	t.Helper()
	p := start(t, append([]string{"run", "--database-url", address, "--http-listen", "127.0.0.1:0", "--log-format", "json"}, args...)...)
	p.ready()
	return p
}

// left is what a sidecar has on the server.
type left struct{ slots, senders, sessions, holding int }

func leftovers(t *testing.T, conn *pgx.Conn) (l left) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM pg_replication_slots WHERE database = current_database()),
		(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'walsender'),
		(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()),
		(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid())`).
		Scan(&l.slots, &l.senders, &l.sessions, &l.holding)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// gone waits until a condition on what is left holds, at the most that long.
func gone(t *testing.T, conn *pgx.Conn, within time.Duration, condition func(left) bool) {
	t.Helper()
	begun := time.Now()
	followtest.Eventually(t, "it to be gone from the server", func() bool { return condition(leftovers(t, conn)) })
	if took := time.Since(begun); took > within {
		t.Errorf("it took %s, %s are allowed", took, within)
	} else {
		t.Logf("gone after %s", took.Round(10*time.Millisecond))
	}
}

func nothing(l left) bool { return l == left{} }
