package config

import (
	"bytes"
	_ "embed" // the page's head
	"fmt"
	"io"
	"strings"
)

//go:embed page.md
var pageHead string

// WriteMarkdown writes the documentation page of all options.
func WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(pageHead)
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
