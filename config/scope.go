package config

import (
	"cmp"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Selector says which workflows and steps a value is for. An empty part stands
// for anything; the zero value for everything.
type Selector struct {
	Namespace, Name, Version string
	Step                     string // the name of a named step
}

// Workflow is a task, or one of its steps, by its names; Step is empty for the
// task as a whole.
type Workflow = Selector

// String is NAMESPACE/NAME/VERSION, with /STEP behind it when the step is
// named, and * for what is not named. Within a name / * and % are written %2F,
// %2A and %25.
func (s Selector) String() string {
	parts := []string{part(s.Namespace), part(s.Name), part(s.Version)}
	if s.Step != "" {
		parts = append(parts, part(s.Step))
	}
	return strings.Join(parts, "/")
}

var escapes = strings.NewReplacer("%", "%25", "/", "%2F", "*", "%2A")

func part(name string) string {
	if name == "" {
		return "*"
	}
	return escapes.Replace(name)
}

var errSelector = errors.New("must name workflows behind the @, as in quiet_period@NAMESPACE/NAME/VERSION/STEP, with * for anything; parts at the end can be left out")

// ParseSelector reads what String writes; parts at the end can be missing. One
// that names nothing is refused.
func ParseSelector(text string) (Selector, error) {
	var s Selector
	parts := strings.Split(text, "/")
	if len(parts) > 4 {
		return s, errSelector
	}
	for i, field := range []*string{&s.Namespace, &s.Name, &s.Version, &s.Step}[:len(parts)] {
		if parts[i] == "*" {
			continue
		}
		name, err := url.PathUnescape(parts[i])
		if err != nil || name == "" || strings.Contains(parts[i], "*") {
			return s, errSelector
		}
		*field = name
	}
	if s == (Selector{}) {
		return s, errSelector
	}
	return s, nil
}

// SplitKey parts a key such as maintenance.quiet_period@payments/refund into
// that of the option and whom it is for. A key without @ is for everything.
func SplitKey(key string) (option string, s Selector, err error) {
	option, text, scoped := strings.Cut(key, "@")
	if scoped {
		s, err = ParseSelector(text)
	}
	return option, s, err
}

// JoinKey is the key of an option for a selector.
func JoinKey(option string, s Selector) string {
	if s == (Selector{}) {
		return option
	}
	return option + "@" + s.String()
}

// CanonicalKey is the one spelling of a key: all parts of its selector are
// written. One that is wrong stays as it is.
func CanonicalKey(key string) string {
	if option, s, err := SplitKey(key); err == nil {
		return JoinKey(option, s)
	}
	return key
}

// Matches says whether a value for s is one for w.
func (s Selector) Matches(w Workflow) bool {
	is := func(part, name string) bool { return part == "" || part == name }
	return is(s.Namespace, w.Namespace) && is(s.Name, w.Name) && is(s.Version, w.Version) && is(s.Step, w.Step)
}

// rank orders selectors of one workflow: the more specific is higher. That
// which names the step is above all that do not, whatever else they name; then
// it is the version that counts, the name, the namespace. Two different ones
// that match one workflow never have the same.
func (s Selector) rank() int {
	rank := 0
	for i, part := range []string{s.Namespace, s.Name, s.Version, s.Step} {
		if part != "" {
			rank |= 1 << i
		}
	}
	return rank
}

// meet is the widest selector for what both are for; none when there is no such
// workflow.
func (s Selector) meet(t Selector) (Selector, bool) {
	ok := true
	both := func(a, b string) string {
		ok = ok && (a == "" || b == "" || a == b)
		return cmp.Or(a, b)
	}
	m := Selector{both(s.Namespace, t.Namespace), both(s.Name, t.Name), both(s.Version, t.Version), both(s.Step, t.Step)}
	return m, ok
}

// scoped is a value that holds for some workflows only.
type scoped struct {
	selector Selector
	option   *Option
	key      string // with the selector
	parsed   any
}

// sortScoped puts the more specific first.
func sortScoped(list ByWorkflow) {
	slices.SortFunc(list, func(a, b scoped) int {
		return cmp.Or(b.selector.rank()-a.selector.rank(), strings.Compare(a.key, b.key))
	})
}

// ByWorkflow are values that hold for some workflows only, the more specific
// first. They are read with [Config.For].
type ByWorkflow []scoped

// Equal says whether the same values are for the same workflows.
func (b ByWorkflow) Equal(other ByWorkflow) bool {
	return slices.EqualFunc(b, other, func(x, y scoped) bool { return x.key == y.key && reflect.DeepEqual(x.parsed, y.parsed) })
}

// For is the configuration as it is for a workflow or one of its steps: of the
// values of an option that are for it, the one with the most specific selector
// holds, whichever source it is from; where none is, the value for everything.
// The result may be kept: it is the same for the same names.
func (c *Config) For(w Workflow) Config {
	own := *c
	cloned := false
	done := map[*Option]bool{}
	for _, s := range c.ByWorkflow {
		if done[s.option] || !s.selector.Matches(w) {
			continue
		}
		if !cloned && s.option.section != nil {
			own.Registered, cloned = own.Registered.clone(), true
		}
		done[s.option] = true
		s.option.set(&own, s.parsed)
	}
	return own
}

// For is that of its configuration.
func (l *Loaded) For(w Workflow) Config { return l.Config.For(w) }

// Selectors are those of its configuration.
func (l *Loaded) Selectors() []Selector { return l.Config.Selectors() }

// varies says whether some workflows have a value of their own.
func (c *Config) varies(key string) bool {
	return slices.ContainsFunc(c.ByWorkflow, func(s scoped) bool { return s.option.Key == key })
}

// Selectors are those that values are given for, in the order of their text.
func (c *Config) Selectors() []Selector {
	seen := map[Selector]bool{}
	var all []Selector
	for _, s := range c.ByWorkflow {
		if !seen[s.selector] {
			seen[s.selector] = true
			all = append(all, s.selector)
		}
	}
	slices.SortFunc(all, func(a, b Selector) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// mostSelectors bounds for how many selectors values can be given: every two of
// them are checked together.
const mostSelectors = 200

// scopedProblems checks the rules between options where values differ by
// workflow. A rule is about two options, each of which has its value from one
// selector; so it holds for every workflow when it holds for what any two
// selectors have in common.
func (l *Loaded) scopedProblems() Problems {
	selectors := l.Selectors()
	if len(selectors) > mostSelectors {
		return Problems{{Rule: "values are given for too many different workflows: at most 200 are right"}}
	}
	var found Problems
	checked, told := map[Selector]bool{}, map[string]bool{}
	for i, a := range selectors {
		for _, b := range selectors[i:] {
			m, ok := a.meet(b)
			if !ok || checked[m] {
				continue
			}
			checked[m] = true
			c := l.For(m)
			for _, p := range c.ruleProblems(func(key string) string { return l.SettingFor(key, m).Origin }, nil) {
				p.Key = l.SettingFor(p.Key, m).Key
				if !told[p.String()] {
					told[p.String()] = true
					found = append(found, p)
				}
			}
		}
	}
	return found
}
