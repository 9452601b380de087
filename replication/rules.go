package replication

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

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
