package compare

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// Run is which run a report is of.
type Run struct {
	Suite     string     `json:"suite"`
	Size      bench.Size `json:"size"`
	Revision  string     `json:"revision"`
	Postgres  string     `json:"postgres"`
	StartedAt time.Time  `json:"started_at"`
}

func run(r *bench.Report) Run {
	return Run{r.Meta.Suite, r.Meta.Size, r.Meta.Versions.Revision, r.Meta.Versions.Postgres, r.Meta.StartedAt}
}

// comparable says all that keeps two reports from being compared.
func comparable(before, after *bench.Report) error {
	var errs []error
	refuse := func(what, first, second, remedy string) {
		if first != second {
			errs = append(errs, fmt.Errorf("the %s differs: %s and %s; %s", what, orNone(first), orNone(second), remedy))
		}
	}
	a, b := before.Meta, after.Meta
	refuse("suite", a.Suite, b.Suite, "compare two runs of one suite")
	refuse("size", string(a.Size), string(b.Size), "run both with the same --size")
	refuse("source of the data", string(source(a)), string(source(b)), "run both with, or both without, --database-url")
	if len(before.Results) == 0 || len(after.Results) == 0 {
		errs = append(errs, errors.New("one of the reports has no figures"))
	}
	return errors.Join(errs...)
}

// source is where the data lie; an older report does not say, and had its own.
func source(m bench.Meta) bench.Source {
	if m.Source == "" {
		return bench.OwnServer
	}
	return m.Source
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// sameMachine is whether figures without a baseline may be compared.
func sameMachine(a, b bench.Machine) bool {
	return a.CPU == b.CPU && a.Cores == b.Cores && a.Arch == b.Arch && word(a.OS) == word(b.OS)
}

func word(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

// warnings say what makes the comparison weaker.
func warnings(before, after *bench.Report) []string {
	a, b := before.Meta, after.Meta
	out := []string{}
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case !sameMachine(a.Machine, b.Machine):
		warn("the machines differ (%s, %d cores, %s, and %s, %d cores, %s): only figures with a baseline are compared",
			a.Machine.CPU, a.Machine.Cores, a.Machine.OS, b.Machine.CPU, b.Machine.Cores, b.Machine.OS)
	case a.Machine.OS != b.Machine.OS:
		warn("the operating system was %s and is %s", a.Machine.OS, b.Machine.OS)
	}
	if a.StartedAt.Equal(b.StartedAt) {
		warn("both reports are of the same run")
	} else if b.StartedAt.Before(a.StartedAt) {
		warn("the first report is the newer one: what is called worse has become better since")
	}
	if a.Versions.Postgres != b.Versions.Postgres {
		warn("PostgreSQL was %s and is %s", orNone(a.Versions.Postgres), orNone(b.Versions.Postgres))
	}
	if a.Versions.Go != b.Versions.Go {
		warn("Go was %s and is %s", a.Versions.Go, b.Versions.Go)
	}
	if names := differing(a.Settings, b.Settings); len(names) > 0 {
		warn("settings differ: %s", strings.Join(names, ", "))
	}
	for _, one := range []struct {
		which string
		meta  bench.Meta
	}{{"first", a}, {"second", b}} {
		if one.meta.Interrupted {
			warn("the run of the %s report was interrupted", one.which)
		}
	}
	return out
}

// differing are the names of the settings that are not the same, but those that
// are another one in every run.
func differing(a, b map[string]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if a[name] != b[name] && name != "unix_socket_directories" && name != "port" {
			names = append(names, fmt.Sprintf("%s (%s, %s)", name, orNone(a[name]), orNone(b[name])))
		}
	}
	return names
}
