package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the documentation page of all options.
func WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(`# Configuration

<!-- Generated from the structure in config/ by its tests (go test ./config -update). Do not edit. -->

Each option has one name, and four places where it can be given. Later ones win:

| place | how ` + "`http.max_wait`" + ` is given there |
|---|---|
| built-in default | in the tables below |
| a YAML file, named by ` + "`--config`" + ` or the variable ` + "`" + fileVariable + "`" + ` | ` + "`http:`" + `, and indented below it ` + "`max_wait: 10s`" + ` |
| environment | ` + "`" + EnvPrefix + "HTTP__MAX_WAIT=10s`" + ` |
| flag | ` + "`--http.max-wait=10s`" + `; well-known options have a short flag besides |

- **Duration**: Go's form, such as ` + "`250ms`, `10s`, `1h30m`" + `, or whole seconds.
- **Size**: bytes, or a whole number with B, KiB, MiB, GiB or TiB.
- **List**: in YAML a list; elsewhere its elements with commas between them. A flag can be repeated.
- **Secret**: never printed or logged. Where an option of the same name with ` + "`_file`" + ` at its end exists, it names a file that holds the secret; giving both in one place is a mistake, and of two places the later wins.
- A YAML key without a value, and a variable that is empty, count as not given.
- Variables that begin with ` + "`" + testPrefix + "`" + ` are reserved and ignored here.

Everything is checked before anything starts: an unknown name, a wrong type, a value out of range. All problems are told at once, each with the place to mend.
`)
	c := Default()
	parent := ""
	for _, o := range Options() {
		if o.Parent() != parent {
			parent = o.Parent()
			writeTable(&b, parent, &c)
		}
		writeOption(&b, o)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeTable writes what stands directly below a key.
func writeTable(b *bytes.Buffer, parent string, c *Config) {
	for _, above := range table().parents { // a part that holds parts only has a heading, too
		if !strings.HasPrefix(parent+".", above+".") || strings.Contains(b.String(), "\n## "+above+"\n") {
			continue
		}
		fmt.Fprintf(b, "\n## %s\n\n%s\n", above, table().docs[above])
	}
	b.WriteString("\n| option | kind | default | rule | takes effect | by workflow |\n|---|---|---|---|---|---|\n")
	for _, o := range Options() {
		if o.Parent() == parent {
			fmt.Fprintf(b, "| [`%s`](#%s) | %s | %s | %s | %s | %s |\n",
				o.Key, anchor(o.Key), o.Kind, code(o.text(c)), cell(o.Rule), o.effect(), yes(o.Scoped))
		}
	}
}

func writeOption(b *bytes.Buffer, o *Option) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n", o.Key, o.Doc)
	if o.Use != "" {
		fmt.Fprintf(b, "Used here for %s.\n\n", o.Use)
	}
	if o.Carried != "" {
		fmt.Fprintf(b, "Carried only: %s.\n\n", o.Carried)
	}
	flags := make([]string, len(o.Flags))
	for i, name := range o.Flags {
		flags[len(flags)-1-i] = code("--" + name)
	}
	fmt.Fprintf(b, "%s · %s\n", code(o.Env), strings.Join(flags, " or "))
}

// effect says when a change has its effect.
func (o *Option) effect() string {
	switch {
	case o.Carried != "":
		return "never: carried only"
	case o.Live:
		return "at once"
	}
	return "after a restart"
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// anchor is the name that GitHub gives a heading.
func anchor(key string) string { return strings.ReplaceAll(key, ".", "") }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
