package config

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
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
	section := ""
	for _, o := range Options() {
		if o.Section() != section {
			section = o.Section()
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| option | kind | default | rule |\n|---|---|---|---|\n", section, sectionDoc(o))
			for _, same := range Options() {
				if same.Section() == section {
					fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", same.Key, anchor(same.Key), same.Kind, code(same.text(&c)), cell(same.Rule))
				}
			}
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n", o.Key, o.Doc)
		if len(o.Flags) > 1 {
			fmt.Fprintf(&b, "\nShort flag: `--%s`.\n", o.Flags[1])
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// sectionDoc is the doc comment of the option's section without the type's
// name at its head.
func sectionDoc(o *Option) string {
	name := reflect.TypeFor[Config]().Field(o.index[0]).Type.Name()
	return withoutName(describe()[name], name)
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
