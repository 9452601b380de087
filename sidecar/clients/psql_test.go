package clients_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestPsql asks with psql, which is told everything by PGOPTIONS.
func TestPsql(t *testing.T) {
	psql := program(t, "psql", installPsql)
	l := newLab(t)
	asked := questions(t)
	want := engine(t, l, asked)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			since := l.counts(t)
			options := []string{"PGTZ=UTC", "PGOPTIONS=-c search_path=" + strings.ReplaceAll(path, " ", "")}
			for name, value := range settings(mode) {
				options[1] += fmt.Sprintf(" -c %s=%s", name, value)
			}
			out := run(t, l.application, options, script(asked), psql, "--no-psqlrc", "--quiet", "--csv", "--set=ON_ERROR_STOP=1", `--pset=null=\N`)
			parts := strings.Split(string(out), separator+"\n")[1:]
			if len(parts) != len(asked) {
				t.Fatalf("%d answers to %d questions", len(parts), len(asked))
			}
			for i, q := range asked {
				q.same(t, want[i], fromCSV(t, []byte(parts[i]), `\N`))
			}
			l.counted(t, since, from(mode, asked))
		})
	}
}

// separator stands before each answer.
const separator = "--- answer"

// script prepares each question as a statement and executes it.
func script(asked []question) string {
	var b strings.Builder
	for _, q := range asked {
		execute := "EXECUTE question"
		if len(q.binds) > 0 {
			literals := make([]string, len(q.binds))
			for i, bind := range q.binds {
				if literals[i] = "NULL"; bind != nil {
					literals[i] = "'" + *bindText(bind) + "'"
				}
			}
			execute += "(" + strings.Join(literals, ", ") + ")"
		}
		fmt.Fprintf(&b, "\\echo %s\nPREPARE question AS %s;\n%s;\nDEALLOCATE question;\n", separator, q.sql, execute)
	}
	return b.String()
}
