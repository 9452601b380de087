package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Key    string // the option, such as http.listen; empty for a file as a whole
	Value  string // as it was given; a secret's is masked
	Origin string // where it was given
	Rule   string // what is expected, or what to do
}

// String is one line: key: "value" (origin) rule.
func (p Problem) String() string {
	var b strings.Builder
	if p.Key != "" {
		fmt.Fprintf(&b, "%s: ", p.Key)
	}
	if p.Value != "" {
		fmt.Fprintf(&b, "%q ", p.Value)
	}
	if p.Origin != "" {
		fmt.Fprintf(&b, "(%s) ", p.Origin)
	}
	b.WriteString(p.Rule)
	return b.String()
}

// Problems is the error of [Load] and [Config.Validate]: everything that is
// wrong, in the order of keys. Find it with errors.As.
type Problems []Problem

// Error is one line for one problem, and a line for each of several.
func (p Problems) Error() string {
	if len(p) == 1 {
		return "configuration: " + p[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d problems:", len(p))
	for _, one := range p {
		b.WriteString("\n  " + one.String())
	}
	return b.String()
}

// err is the sorted problems as an error, nil when there are none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Origin, b.Origin))
	})
	return p
}
