package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	sidecar "github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
)

// childVariable tells a process of ours that it is to be measured, and of which
// database.
const childVariable = "TASKER_BENCH_CHILD_URL"

// memoryUse is what a child reports, in bytes.
type memoryUse struct {
	Empty  int64 `json:"empty"`  // before anything
	Loaded int64 `json:"loaded"` // after the load, at rest
	Peak   int64 `json:"peak"`   // while loading; 0: not known
	Index  int64 `json:"index"`  // the index's own estimate
	Steps  int64 `json:"steps"`
}

// Child has to be called first thing by every program that calls [Run]: in a
// process that Run has started to be measured it does what is measured, and
// ends it. In any other it does nothing.
func Child() {
	for variable, does := range map[string]func(ctx context.Context, url string) error{childVariable: child, projectorVariable: projector} {
		url := os.Getenv(variable)
		if url == "" {
			continue
		}
		if err := does(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// child follows as a sidecar does, and reports once its size has come to rest.
func child(ctx context.Context, url string) error {
	use := memoryUse{Empty: residentSize("VmRSS")}
	f, err := sidecar.New(sidecar.Options{Replication: replication.Options{DatabaseURL: url}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	for f.View() == nil {
		select {
		case <-f.Changed():
		case err := <-ended:
			cancel()
			return err
		}
	}
	use.Loaded = atRest(3*time.Second, time.Minute)
	stats := f.View().Stats()
	use.Peak, use.Index, use.Steps = residentSize("VmHWM"), int64(stats.Bytes), int64(stats.Steps)
	cancel()
	if err := <-ended; err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(use)
}

// atRest is the resident size when it has not become smaller for a while, or
// at the end of the patience.
func atRest(still, patience time.Duration) int64 {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	least, since := residentSize("VmRSS"), start
	for time.Since(since) < still && time.Since(start) < patience {
		<-tick.C
		if now := residentSize("VmRSS"); now < least {
			least, since = now, time.Now()
		}
	}
	return residentSize("VmRSS")
}

// residentSize is a size of this process by its name in /proc; elsewhere the
// current one by ps, and 0 for any other.
func residentSize(name string) int64 {
	text, _, _ := strings.Cut(field("/proc/self/status", name), " ")
	if text == "" && name == "VmRSS" {
		text = output("ps", "-o", "rss=", "-p", strconv.Itoa(os.Getpid()))
	}
	kibibytes, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return kibibytes << 10
}

func runMemory(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.loadSet(ctx)
	if err != nil {
		return nil, err
	}
	r := l.result(c)
	r.Unit = "B/step"
	r.Dataset = fmt.Sprintf("%s: %.2f edges a step", set.words, float64(set.edges)/float64(set.steps))
	var use memoryUse
	measure := func(ctx context.Context) (float64, error) {
		if use, err = measureChild(ctx, set.url); err != nil {
			return 0, err
		}
		return float64(use.Loaded) / float64(use.Steps), nil
	}
	r.Samples, _, err = Interleave(ctx, Rounds{Count: l.o.Rounds, Warmup: -1}, measure, nil, l.round) // each is a process of its own
	r.Notes = []string{fmt.Sprintf("all of the process: %s before, %s after the load, %s at its peak; the index itself %s",
		byteCount(float64(use.Empty)), byteCount(float64(use.Loaded)), byteCount(float64(use.Peak)), byteCount(float64(use.Index)))}
	return []Result{r}, err
}

// measureChild runs this program again, to load a data set and nothing else.
func measureChild(ctx context.Context, url string) (use memoryUse, err error) {
	self, err := os.Executable()
	if err != nil {
		return use, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), childVariable+"="+url)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return use, fmt.Errorf("the process to be measured: %w", err)
	}
	if err := json.Unmarshal(out, &use); err != nil {
		return use, fmt.Errorf("the process to be measured said %q; its program has to call bench.Child first thing: %w", out, err)
	}
	if use.Steps == 0 || use.Loaded == 0 {
		return use, errors.New("the process to be measured has loaded nothing")
	}
	return use, nil
}
