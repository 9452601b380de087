package soak

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soakFor runs for some seconds: a trend needs time, and memory shows what is
// leaked after some garbage collections only. planted is called at
// each sample.
func soakFor(t *testing.T, duration time.Duration, planted func()) *Report {
	t.Helper()
	r, err := Run(t.Context(), Options{Duration: duration, Every: duration / 80, Tasks: 300, Rate: 100, planted: planted})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteTable(t.Output()); err != nil {
		t.Fatal(err)
	}
	if r.Commits == 0 || r.AtTheEnd == 0 || r.Differences > 0 || len(r.Errors) > 0 {
		t.Errorf("%d commits, %d tasks compared at the end, %d differences, %v", r.Commits, r.AtTheEnd, r.Differences, r.Errors)
	}
	return r
}

func TestSoundRun(t *testing.T) {
	r := soakFor(t, 10*time.Second, nil)
	if r.Verdict == NotGood {
		t.Errorf("a sound run is %s: %s", r.Verdict, strings.Join(r.Reasons, "; "))
	}
	if r.Archived == 0 || r.Compared == 0 {
		t.Errorf("%d tasks archived, %d compared", r.Archived, r.Compared)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(b.Bytes(), &again); err != nil || len(again.Series) != len(r.Series) {
		t.Errorf("%v", err)
	}
}

// TestPlantedLeak leaks goroutines and memory.
func TestPlantedLeak(t *testing.T) {
	var kept [][]byte
	end := make(chan struct{})
	defer close(end)
	r := soakFor(t, 8*time.Second, func() {
		kept = append(kept, bytes.Repeat([]byte{1}, 2*mib))
		go func() { <-end }()
		runtime.GC() // else the heap would be looked at a few times only
	})
	rising := map[string]bool{}
	for _, s := range r.Series {
		rising[s.Name] = s.Trend.Flatness == Rising
	}
	if r.Verdict != NotGood || !rising["heap"] || !rising["rss"] || !rising["goroutines"] {
		t.Errorf("%d MB leaked: %s, %v", 2*len(kept), r.Verdict, rising)
	}
}

func TestOptionsAreRefused(t *testing.T) {
	_, err := Run(t.Context(), Options{Duration: time.Millisecond, Every: time.Hour, Rate: -1, Tasks: 1})
	if err == nil || strings.Count(err.Error(), "possible") != 4 {
		t.Errorf("not all that is wrong is said: %v", err)
	}
}
