package chaos

import (
	"fmt"
	"strings"
)

// Program is what several sessions do, after Base was done by one.
type Program struct {
	Base     []Transaction
	Sessions [][]Transaction
}

// Transaction is a list of statements with one end.
type Transaction struct {
	Ops []Op
	// Rollback ends it without a commit.
	Rollback bool
	// Replica switches foreign keys and triggers off for it.
	Replica bool
	// Isolation is empty for READ COMMITTED, or the level's name in SQL.
	Isolation string
}

// Op is a statement, or, when Undone is set, statements inside a savepoint that
// is rolled back after them.
type Op struct {
	SQL    string
	Undone []Op
}

// Ops is the number of statements of the program.
func (p Program) Ops() int {
	n := 0
	for _, list := range append([][]Transaction{p.Base}, p.Sessions...) {
		for _, t := range list {
			n += count(t.Ops)
		}
	}
	return n
}

func count(ops []Op) int {
	n := 0
	for _, o := range ops {
		if o.Undone != nil {
			n += count(o.Undone)
		} else {
			n++
		}
	}
	return n
}

// String is the program as a script for psql, one session after the other
// (run with ON_ERROR_ROLLBACK on, it does what a single session does).
func (p Program) String() string {
	var b strings.Builder
	b.WriteString("\\set ON_ERROR_ROLLBACK on\n")
	script(&b, "base", p.Base)
	for i, s := range p.Sessions {
		script(&b, fmt.Sprintf("session %d", i+1), s)
	}
	return b.String()
}

func script(b *strings.Builder, name string, list []Transaction) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "-- %s\n", name)
	for _, t := range list {
		b.WriteString(t.begin() + ";\n")
		if t.Replica {
			b.WriteString(replicaSQL + ";\n")
		}
		statements(b, t.Ops, 1)
		b.WriteString(t.end() + ";\n")
	}
}

func statements(b *strings.Builder, ops []Op, depth int) {
	indent := strings.Repeat("  ", depth)
	for _, o := range ops {
		if o.Undone == nil {
			b.WriteString(indent + o.SQL + ";\n")
			continue
		}
		fmt.Fprintf(b, "%sSAVEPOINT undone%d;\n", indent, depth)
		statements(b, o.Undone, depth+1)
		fmt.Fprintf(b, "%sROLLBACK TO undone%d;\n", indent, depth)
	}
}

const replicaSQL = "SET LOCAL session_replication_role = replica"

func (t Transaction) begin() string {
	if t.Isolation == "" {
		return "BEGIN"
	}
	return "BEGIN ISOLATION LEVEL " + t.Isolation
}

func (t Transaction) end() string {
	if t.Rollback {
		return "ROLLBACK"
	}
	return "COMMIT"
}
