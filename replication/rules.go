package replication

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

//go:embed rules.sql
var rulesSQL string

// rulesFunction is the function that is asked.
const rulesFunction = "get_step_readiness_status"

// RulesFinding is which version of the rules a database's functions follow, and
// how that is known. The zero value is that of not having asked.
type RulesFinding struct {
	// Rules is the version; zero only in the zero value.
	Rules tasker.Rules `json:"rules"`
	// Provisional is whether there was no step about which the versions
	// differ, so that v02 is no more than likely. Ask again when there is one.
	Provisional bool `json:"provisional"`
	// Steps is how many steps about which they differ were asked about.
	Steps int `json:"steps"`
	// Kinds are the kinds of those steps, in plain words.
	Kinds []string `json:"kinds,omitempty"`
	// Function is the function that was asked, with schema and arguments.
	Function string `json:"function"`
	// Overridden is whether nobody was asked, because the operator has said.
	Overridden bool `json:"overridden,omitempty"`
}

// String says it in one line.
func (f RulesFinding) String() string {
	switch {
	case f.Rules == 0:
		return "the rules are not known"
	case f.Overridden:
		return fmt.Sprintf("rules %s, as configured", f.Rules)
	case f.Provisional:
		return fmt.Sprintf("rules %s, provisionally: there is no step yet about which the versions differ", f.Rules)
	}
	return fmt.Sprintf("rules %s: %s answers so about %d steps (%s)", f.Rules, f.Function, f.Steps, strings.Join(f.Kinds, ", "))
}

// RulesOptions say how the rules are asked for.
type RulesOptions struct {
	// Override is the version that the operator has said; nobody is asked then.
	// Defaults to 0: ask.
	Override tasker.Rules
	// StepsPerKind bounds how many steps of each kind are asked about, 1 to
	// 1,000.
	// Defaults to 20.
	StepsPerKind int
	// StatementTimeout bounds each statement, as the search for such steps
	// can come to read a whole table. A kind whose search takes longer counts
	// as not there.
	// Defaults to 2 seconds.
	StatementTimeout time.Duration
}

func (o RulesOptions) withDefaults() RulesOptions {
	if o.StepsPerKind == 0 {
		o.StepsPerKind = 20
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 2 * time.Second
	}
	return o
}

// RulesError says that the installed function follows neither version of the
// rules, or each at times. It names the first such step, what was answered
// about it and what either version answers, column by column where they differ.
type RulesError struct {
	Function              string
	WorkflowStepID        int64
	TaskID                int64
	Columns               []string // those that are answered as neither or as the wrong version says
	Answered, V01, V02    []string // the columns' values, as JSON
	LikeV01, LikeV02      int      // how many steps were answered as one version alone has it
	Neither, StepsInTotal int
}

// Error gives all of it in one line.
func (e *RulesError) Error() string {
	var parts []string
	for i, c := range e.Columns {
		parts = append(parts, fmt.Sprintf("%s %s (v01: %s, v02: %s)", c, e.Answered[i], e.V01[i], e.V02[i]))
	}
	what := "as neither rules v01 nor v02"
	if e.Neither == 0 {
		what = fmt.Sprintf("about %d steps as rules v01 and about %d as v02", e.LikeV01, e.LikeV02)
	}
	return fmt.Sprintf("%s answers %s: of step %d (task %d) it says %s", e.Function, what, e.WorkflowStepID, e.TaskID, strings.Join(parts, ", "))
}

const rulesRemedy = "install the engine's own functions, of one version, in the tables' schema; or say with --rules which rules to follow, if the difference is meant"

// DetectRules tells which version of the rules the database's functions follow,
// by asking the installed function about steps on which the versions differ and
// putting its answers beside both. All answers as one version has it: that one.
// No such step: v02, provisional. A function that is missing, fails, or answers
// as neither version is a *SetupError (of a *RulesError in the last case).
//
// It reads in one REPEATABLE READ snapshot with TimeZone UTC and the schema,
// and after it the function's own, alone in search_path. conn must not be in a
// transaction and is left as it was.
func DetectRules(ctx context.Context, conn *pgx.Conn, schema string, o RulesOptions) (RulesFinding, error) {
	o = o.withDefaults()
	if o.Override != 0 {
		return RulesFinding{Rules: o.Override, Overridden: true}, nil
	}
	var finding RulesFinding
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) (err error) {
		finding, err = detectRules(ctx, tx, schema, o)
		return err
	})
	var known *SetupError
	if err != nil && !errors.As(err, &known) {
		return RulesFinding{}, fmt.Errorf("asking which rules hold: %w", err)
	}
	return finding, err
}

func detectRules(ctx context.Context, tx pgx.Tx, schema string, o RulesOptions) (RulesFinding, error) {
	path, function, err := findRulesFunction(ctx, tx, schema)
	if err != nil {
		return RulesFinding{}, err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf("SET LOCAL TimeZone = 'UTC'; SET LOCAL search_path = %s; SET LOCAL statement_timeout = %d",
		path, o.StatementTimeout.Milliseconds()))
	if err != nil {
		return RulesFinding{}, err
	}
	// Without a row it says whether it can be called at all.
	if _, err := tx.Exec(ctx, "SELECT FROM "+rulesFunction+"(0::bigint, ARRAY[0]::bigint[])"); err != nil {
		return RulesFinding{}, functionFails(function, err)
	}
	f := RulesFinding{Function: function}
	var all, few []int64 // to ask about, and when that takes too long
	for _, kind := range rulesKinds {
		ids, err := findSteps(ctx, tx, kind, o.StepsPerKind)
		if err != nil {
			return RulesFinding{}, err
		}
		if kind.differ && len(ids) > 0 {
			f.Kinds = append(f.Kinds, kind.name)
		}
		all, few = append(all, ids...), append(few, ids[:min(1, len(ids))]...)
	}
	answers, err := askRules(ctx, tx, all)
	if timedOut(ctx, err) {
		answers, err = askRules(ctx, tx, few)
	}
	if err != nil {
		return RulesFinding{}, functionFails(function, err)
	}
	return f.judge(answers)
}

// rulesAnswer is what was answered about a step, and what either version
// answers.
type rulesAnswer struct {
	step, task         int64
	answered, v01, v02 map[string]any
}

// judge decides by the answers.
func (f RulesFinding) judge(answers []rulesAnswer) (RulesFinding, error) {
	var likeV01, likeV02, neither int
	var first, firstV01, firstV02 *rulesAnswer
	for i := range answers {
		a := &answers[i]
		is01, is02 := len(deviations(a.answered, a.v01)) == 0, len(deviations(a.answered, a.v02)) == 0
		switch {
		case !is01 && !is02:
			neither++
			if first == nil {
				first = a
			}
		case is01 && is02: // the versions agree about it
		case is01:
			likeV01++
			if firstV01 == nil {
				firstV01 = a
			}
		default:
			likeV02++
			if firstV02 == nil {
				firstV02 = a
			}
		}
	}
	if first == nil && likeV01 > 0 && likeV02 > 0 {
		first = firstV01
		if likeV02 < likeV01 {
			first = firstV02
		}
	}
	if first != nil {
		e := first.err(f.Function)
		e.LikeV01, e.LikeV02, e.Neither, e.StepsInTotal = likeV01, likeV02, neither, len(answers)
		return RulesFinding{}, &SetupError{Check: CheckRules, Permanent: true, What: e.Error(), Remedy: rulesRemedy, Err: e}
	}
	f.Steps = likeV01 + likeV02
	switch {
	case likeV01 > 0:
		f.Rules = tasker.RulesV01
	case likeV02 > 0:
		f.Rules = tasker.RulesV02
	default:
		f.Rules, f.Provisional, f.Kinds = tasker.RulesV02, true, nil
	}
	return f, nil
}

// err tells of an answer that does not fit.
func (a *rulesAnswer) err(function string) *RulesError {
	e := &RulesError{Function: function, WorkflowStepID: a.step, TaskID: a.task}
	columns := append(deviations(a.answered, a.v01), deviations(a.answered, a.v02)...)
	slices.Sort(columns)
	for _, c := range slices.Compact(columns) {
		e.Columns = append(e.Columns, c)
		e.Answered = append(e.Answered, jsonOf(a.answered, c))
		e.V01 = append(e.V01, jsonOf(a.v01, c))
		e.V02 = append(e.V02, jsonOf(a.v02, c))
	}
	return e
}

// deviations are the columns in which an answer is not the expected one.
func deviations(answered, expected map[string]any) []string {
	var columns []string
	for c, want := range expected {
		if got, ok := answered[c]; !ok || !reflect.DeepEqual(got, want) {
			columns = append(columns, c)
		}
	}
	slices.Sort(columns)
	return columns
}

func jsonOf(row map[string]any, column string) string {
	v, ok := row[column]
	if !ok {
		return "nothing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// findSteps gives ids of steps of a kind; none when the search took too long.
func findSteps(ctx context.Context, tx pgx.Tx, kind rulesKind, limit int) ([]int64, error) {
	var ids []int64
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		rows, err := savepoint.Query(ctx, kind.sql, limit)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if timedOut(ctx, err) {
		return nil, nil
	}
	return ids, err
}

// timedOut is whether the server ended a statement that took too long.
func timedOut(ctx context.Context, err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == pgerrcode.QueryCanceled && ctx.Err() == nil
}

// askRules asks the function about the steps.
func askRules(ctx context.Context, tx pgx.Tx, steps []int64) (answers []rulesAnswer, err error) {
	err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		rows, err := savepoint.Query(ctx, rulesSQL, steps)
		if err != nil {
			return err
		}
		answers, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a rulesAnswer, err error) {
			var answered, v01, v02 string
			if err := row.Scan(&a.step, &a.task, &answered, &v01, &v02); err != nil {
				return a, err
			}
			return a, errors.Join(decode(answered, &a.answered), decode(v01, &a.v01), decode(v02, &a.v02))
		})
		return err
	})
	return answers, err
}

// decode keeps numbers as they are written: ids do not fit a float.
func decode(text string, into *map[string]any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// functionFails is the error of a function that cannot be asked.
func functionFails(function string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code == pgerrcode.AdminShutdown || pg.Code == pgerrcode.CrashShutdown {
		return err
	}
	e := &SetupError{Check: CheckRules, Permanent: true, Err: err,
		What: fmt.Sprintf("%s fails: %s", function, pg.Message), Remedy: rulesRemedy}
	switch pg.Code {
	case pgerrcode.InsufficientPrivilege, pgerrcode.UndefinedFunction: // one that is there is hidden by its schema
		e.Remedy = "run the script that tasker-sidecar doctor --sql prints, as the owner of the tables; or say with --rules which rules to follow"
	case pgerrcode.QueryCanceled:
		e.Permanent = false
		e.What = function + " did not answer in time"
		e.Remedy = "try again when the database is less busy, or say with --rules which rules to follow"
	}
	return e
}

const findRulesFunctionSQL = `
SELECT n.nspname, f.oid::regprocedure::text
FROM pg_proc f
JOIN pg_namespace n ON n.oid = f.pronamespace
WHERE f.proname = $1
    AND f.proargtypes[0] = 'bigint'::regtype AND f.proargtypes[1] = 'bigint[]'::regtype AND f.pronargs = 2
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tasker_sidecar') AND n.nspname NOT LIKE 'pg\_temp\_%'
ORDER BY n.nspname = $2 DESC, n.nspname`

// findRulesFunction finds the function to ask, the tables' schema's first, and
// the search_path to ask it in.
func findRulesFunction(ctx context.Context, tx pgx.Tx, schema string) (path, function string, err error) {
	rows, err := tx.Query(ctx, findRulesFunctionSQL, rulesFunction, schema)
	if err != nil {
		return "", "", err
	}
	type candidate struct{ schema, function string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Function string }])
	if err != nil {
		return "", "", err
	}
	var candidates []candidate
	for _, f := range found {
		name := f.Function
		if !strings.Contains(name, ".") {
			name = f.Schema + "." + name
		}
		candidates = append(candidates, candidate{f.Schema, name})
	}
	switch {
	case len(candidates) == 0:
		return "", "", &SetupError{Check: CheckRules, Permanent: true,
			What:   fmt.Sprintf("there is no function %s(bigint, bigint[]) in database %s", rulesFunction, tx.Conn().Config().Database),
			Remedy: "run the engine's migrations, or say with --rules which rules to follow"}
	case candidates[0].schema == schema:
		return quote(schema), candidates[0].function, nil
	case len(candidates) > 1:
		var names []string
		for _, c := range candidates {
			names = append(names, c.schema)
		}
		return "", "", &SetupError{Check: CheckRules, Permanent: true,
			What:   fmt.Sprintf("%s is not in schema %s, but in several others: %s", rulesFunction, schema, strings.Join(names, ", ")),
			Remedy: "say with --rules which rules to follow"}
	}
	return quote(schema) + ", " + quote(candidates[0].schema), candidates[0].function, nil
}
