package dropin

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"text/template"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Schema is the schema of the drop-ins.
const Schema = "tasker_sidecar_compat"

// View is the name of the one drop-in that is a view; all others are functions.
const View = "tasker_step_dag_relationships"

// Options says what the functions answer from, and by which rules.
type Options struct {
	// Engine is the schema of the engine's tables.
	// Defaults to "public".
	Engine string

	// Rules are those that the readiness functions follow: the same as the
	// engine's own functions in that database, or the answers differ.
	// Defaults to tasker.RulesV02.
	Rules tasker.Rules

	// Alone leaves out what answers from rows, and with it every mention of the
	// schema tasker_sidecar, which then need not be there.
	// Defaults to false.
	Alone bool
}

func (o Options) withDefaults() (Options, error) {
	if o.Engine == "" {
		o.Engine = "public"
	}
	if o.Rules == 0 {
		o.Rules = tasker.RulesV02
	}
	if o.Rules != tasker.RulesV01 && o.Rules != tasker.RulesV02 {
		return o, fmt.Errorf("rules %d are not known: v01 and v02 are", o.Rules)
	}
	for _, quote := range []string{"$function$", "$statement$"} {
		if strings.Contains(o.Engine, quote) {
			return o, fmt.Errorf("schema %q: a name with %s in it cannot be written into a function", o.Engine, quote)
		}
	}
	return o, nil
}

// Object is a drop-in as a statement that creates or replaces it.
type Object struct {
	Name      string
	Statement string
}

// Names lists the drop-ins in the order of their names: nine functions and
// [View].
func Names() []string {
	files, err := fs.Glob(sql.Functions, "functions/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant and is valid
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(path.Base(file), ".sql")
	}
	return names
}

// Render gives the statements of all drop-ins, in the order of [Names]. None
// depends on another.
func Render(options Options) ([]Object, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	parts, err := template.New("").
		Option("missingkey=error").
		Funcs(template.FuncMap{
			"v01":  func() bool { return options.Rules == tasker.RulesV01 },
			"rows": func() bool { return !options.Alone },
		}).
		ParseFS(sql.Functions, "functions/*.sql", "functions/parts/*.sql")
	if err != nil {
		return nil, fmt.Errorf("parse the drop-in functions: %w", err)
	}
	engine := pgx.Identifier{options.Engine}.Sanitize()
	var objects []Object
	for _, name := range Names() {
		var text bytes.Buffer
		if err := parts.ExecuteTemplate(&text, name+".sql", nil); err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		objects = append(objects, Object{name, strings.ReplaceAll(text.String(), "@engine@", engine)})
	}
	return objects, nil
}
