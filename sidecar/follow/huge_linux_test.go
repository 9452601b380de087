package follow_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// hugeURL names what the child of TestHugeTransaction follows.
const hugeURL = "FOLLOW_TEST_HUGE_URL"

const (
	hugeTasks   = 10_000
	hugeSteps   = 100 // a task
	hugeChanges = hugeTasks * hugeSteps
	hugeExtra   = 256 << 20 // bytes above the index
)

// hugeFigures are what the child measures.
type hugeFigures struct {
	Before, Peak, Index int64 // bytes: resident before, at the most, and of the index
	Reads, Halves       int64
	Applied             bool
}

// TestHugeTransaction: a million row changes at once take no more memory than
// the index and 256 MiB, and who reads meanwhile sees of each task all or
// nothing of it. The follower is a process of its own, to be measured alone.
func TestHugeTransaction(t *testing.T) {
	if os.Getenv(hugeURL) != "" {
		return // this is the child
	}
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	// What is not followed only takes time here.
	dropIndexes(t, conn)
	manyTasks(t, conn, hugeTasks, hugeSteps)

	child := exec.Command(os.Args[0], "-test.run", "^TestHugeChild$", "-test.v")
	child.Env = append(os.Environ(), hugeURL+"="+address)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	var figures hugeFigures
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		text, ours := strings.CutPrefix(lines.Text(), "child: ")
		switch {
		case !ours:
			t.Log(lines.Text())
		case text == "ready":
			tag, err := conn.Exec(t.Context(), "UPDATE tasker_workflow_steps SET attempts = 8")
			if err != nil {
				t.Fatal(err)
			}
			if tag.RowsAffected() != hugeChanges {
				t.Fatalf("%d rows were changed", tag.RowsAffected())
			}
			if _, err := fmt.Fprintln(stdin, "done"); err != nil {
				t.Fatal(err)
			}
		default:
			if err := json.Unmarshal([]byte(text), &figures); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("resident %d MiB before, %d MiB at the most, index %d MiB; %d reads", figures.Before>>20, figures.Peak>>20, figures.Index>>20, figures.Reads)
	if !figures.Applied || figures.Reads < 1000 || figures.Index < hugeChanges*50 {
		t.Fatalf("not measured: %+v", figures)
	}
	if figures.Halves != 0 {
		t.Errorf("half of the transaction was seen within a task %d times in %d", figures.Halves, figures.Reads)
	}
	if allowed := figures.Index + hugeExtra; figures.Peak > allowed {
		t.Errorf("%d MiB were resident at the most; the index takes %d MiB, and %d MiB above it are allowed", figures.Peak>>20, figures.Index>>20, hugeExtra>>20)
	}
}

// TestHugeChild is the process that TestHugeTransaction measures.
func TestHugeChild(t *testing.T) {
	address := os.Getenv(hugeURL)
	if address == "" {
		return // nothing but the other test's child
	}
	settings, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	debug.SetGCPercent(settings.Config.Runtime.GCPercent) // as the program does
	o := followtest.Options(t, address)
	o.Logger = nil
	f, err := follow.New(follow.Options{Replication: o})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	followtest.Eventually(t, "to follow", func() bool {
		return f.Status().State == replication.StateStreaming && !f.Status().Stale
	})
	if n := f.View().Stats().Steps; n != hugeChanges {
		t.Fatalf("%d steps", n)
	}
	runtime.GC()
	debug.FreeOSMemory()
	resetPeak(t)
	figures := hugeFigures{Before: status(t, "VmRSS"), Index: int64(f.View().Stats().Bytes)}
	fmt.Println("child: ready")

	var committed atomic.Bool
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		committed.Store(line == "done\n")
	}()
	var readers sync.WaitGroup
	var reads, halves atomic.Int64
	over := make(chan struct{})
	readers.Go(func() {
		for {
			for task := int64(1); task <= hugeTasks; task++ {
				select {
				case <-over:
					return
				default:
				}
				if attempts := attemptsOf(f.View(), task); len(attempts) != 1 {
					halves.Add(1)
				}
				reads.Add(1)
			}
		}
	})
	deadline := time.Now().Add(5 * time.Minute)
	for !committed.Load() || !attemptsOf(f.View(), hugeTasks)[8] {
		if time.Now().After(deadline) {
			t.Fatalf("it does not arrive: %+v", f.Status())
		}
		<-time.After(5 * time.Millisecond)
	}
	close(over)
	readers.Wait()
	figures.Applied, figures.Reads, figures.Halves, figures.Peak = true, reads.Load(), halves.Load(), status(t, "VmHWM")
	out, err := json.Marshal(figures)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("child: %s\n", out)
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// attemptsOf are the different numbers of attempts of a task's steps.
func attemptsOf(view *readiness.View, task int64) map[int32]bool {
	attempts := map[int32]bool{}
	for _, s := range view.StepReadiness(task, nil, 0) {
		attempts[s.Attempts.V] = true
	}
	return attempts
}

// status reads a line of /proc/self/status, in bytes.
func status(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == name+":" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("%s is not there", name)
	return 0
}

// resetPeak makes VmHWM begin anew; where the kernel refuses, the load counts.
func resetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil {
		t.Logf("the peak includes the load: %v", err)
	}
}

// dropIndexes drops all indexes of the steps but the primary key.
func dropIndexes(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	followtest.Exec(t, conn, `DO $$ DECLARE i record; BEGIN
		FOR i IN SELECT indexrelid::regclass AS name FROM pg_index WHERE indrelid = 'tasker_workflow_steps'::regclass AND NOT indisprimary LOOP
			EXECUTE 'DROP INDEX ' || i.name;
		END LOOP;
	END $$`)
}
