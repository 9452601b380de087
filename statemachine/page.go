package statemachine

import (
	"fmt"
	"strings"
)

// page is docs/state-machines.md.
func page() string {
	var b strings.Builder
	b.WriteString(`# State machines

<!-- Generated from the tables in statemachine by its tests (go test ./statemachine -update). Do not edit. -->

What the engine allows, and what anything of ours that writes a transition keeps to. A state lives in the transitions alone; a task or step
without any is ` + "`pending`" + `. Whatever is not listed is refused, a transition to the state that is there already included.
`)
	for _, kind := range []Kind{Step, Task} {
		Of(kind).section(&b)
	}
	return b.String()
}

func (m *Machine) section(b *strings.Builder) {
	name := m.kind.String()
	fmt.Fprintf(b, "\n## A %s\n\n```mermaid\nstateDiagram-v2\n    [*] --> pending\n", name)
	for _, t := range m.transitions {
		fmt.Fprintf(b, "    %s --> %s", t.From, t.To)
		if t.Guard != NoGuard {
			fmt.Fprintf(b, " : %s", t.Guard)
		}
		b.WriteString("\n")
	}
	for _, s := range States() {
		if len(m.From(s)) == 0 {
			fmt.Fprintf(b, "    %s --> [*]\n", s)
		}
	}
	fmt.Fprintf(b, "```\n\n| from | to | only when | event | columns of the %s |\n|---|---|---|---|---|\n", name)
	for _, t := range m.transitions {
		fmt.Fprintf(b, "| `%s` | `%s` | %s | `%s` | %s |\n", t.From, t.To, t.Guard, t.Event, columns(t.Columns))
	}
	fmt.Fprintf(b, "\nThe event of a %s's first transition of all:", name)
	for i, to := range States() {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(b, " to `%s` `%s`", to, m.first[to])
	}
	b.WriteString(".\n")
}

func columns(list []Column) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = fmt.Sprintf("`%s`: %s", c.Name, c.Effect)
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, "; ") + "; `updated_at`"
}
