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
)

// childVariable tells a process of ours that it is to be measured, and of which
// database.
const childVariable = "TASKER_BENCH_CHILD_URL"

// memoryUse is what a child reports, in bytes.
type memoryUse struct {
	Empty  int64 `json:"empty"`  // before anything
	Loaded int64 `json:"loaded"` // after the load, what it needed given back
	Peak   int64 `json:"peak"`   // while loading; 0: not known
	Index  int64 `json:"index"`  // the index's own estimate
	Steps  int64 `json:"steps"`
}

// Child has to be called first thing by every program that calls [Run]: in a
// process that Run has started to be measured it does what is measured, and
// ends it. In any other it does nothing.
func Child() {
	url := os.Getenv(childVariable)
	if url == "" {
		return
	}
	if err := child(context.Background(), url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(ctx context.Context, url string) error {
	settle()
	use := memoryUse{Empty: residentSize("VmRSS")}
	f, err := follow(ctx, url, hooks{})
	if err != nil {
		return err
	}
	defer f.stop()
	settle()
	stats := f.view().Stats()
	use.Loaded, use.Peak = residentSize("VmRSS"), residentSize("VmHWM")
	use.Index, use.Steps = int64(stats.Bytes), int64(stats.Steps)
	return json.NewEncoder(os.Stdout).Encode(use)
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
	r.Samples, _, err = Interleave(ctx, l.rounds(), measure, nil, l.round)
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
