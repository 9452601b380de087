package replication

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Consequence is what a difference between two fingerprints asks for. Whatever
// it is, no answer may pass for fresh from the moment the difference is known.
type Consequence uint8

const (
	// AskRules: a function that the rules show in is another one now. The log
	// is complete; which rules hold has to be asked anew.
	AskRules Consequence = iota + 1
	// Rebuild: rows may have changed without the log saying so. Start again
	// from a new snapshot; whether the database can be followed as it is now
	// is for [Preflight] and [EnsurePublication] to say.
	Rebuild
	// Stop: what is needed is not there any more, and starting again does not
	// bring it back.
	Stop
)

// String gives ask rules, rebuild or stop.
func (c Consequence) String() string {
	return [...]string{"none", "ask rules", "rebuild", "stop"}[c]
}

// Difference is one thing that changed, and what follows from it.
type Difference struct {
	Consequence Consequence
	// Table is the full name of the table concerned, as it was; empty where
	// it is none.
	Table string
	// What says what changed, in one line.
	What string
	// Remedy says what to do, where somebody has to do something.
	Remedy string
}

// String gives what changed.
func (d Difference) String() string { return d.What }

// Gravest is the strongest consequence of all; zero when there is none.
func Gravest(differences []Difference) Consequence {
	var c Consequence
	for _, d := range differences {
		c = max(c, d.Consequence)
	}
	return c
}

// StopError is the *SetupError of the differences that ask for stopping, all
// of them named; nil when none does.
func StopError(differences []Difference) error {
	var what, remedies []string
	for _, d := range differences {
		if d.Consequence == Stop {
			what = append(what, d.What)
			if d.Remedy != "" && !slices.Contains(remedies, d.Remedy) {
				remedies = append(remedies, d.Remedy)
			}
		}
	}
	if len(what) == 0 {
		return nil
	}
	return &SetupError{Check: CheckTables, Permanent: true, What: strings.Join(what, "; "), Remedy: strings.Join(remedies, "; ")}
}

// Diff says what of that which following relies on differs between two
// fingerprints, schema being the one that is followed. Things that do not
// matter (a default, a setting that does not concern us) are not told.
// applicationName is the one that our replication connection bears.
func Diff(before, now Fingerprint, schema, applicationName string) []Difference {
	if before == now {
		return nil
	}
	was, is := before.Layout(), now.Layout()
	d := differ{was: &was, is: &is, schema: schema}
	d.tables()
	d.publication()
	d.functions()
	if was.SynchronousStandbyNames != is.SynchronousStandbyNames &&
		WouldBeSynchronous(is.SynchronousStandbyNames, applicationName) {
		d.add(Stop, "", synchronousRemedy(is.SynchronousStandbyNames, applicationName),
			"synchronous_standby_names is now %q, which makes us a synchronous standby", is.SynchronousStandbyNames)
	}
	return d.found
}

type differ struct {
	was, is *Layout
	schema  string
	found   []Difference
}

func (d *differ) add(c Consequence, table, remedy, format string, args ...any) {
	d.found = append(d.found, Difference{Consequence: c, Table: table, Remedy: remedy, What: fmt.Sprintf(format, args...)})
}

func (d *differ) tables() {
	movedTo := d.allMovedTo()
	for _, name := range followedNames() {
		was := d.was.Table(d.schema, name)
		if was == nil {
			continue
		}
		is, namesake := d.is.ByOID(was.OID), d.is.Table(d.schema, name)
		switch {
		case is == nil && namesake == nil:
			d.add(Stop, was.FullName(), "bring the table back and start again", "table %s is gone", was.FullName())
			continue
		case namesake != nil && namesake.OID != was.OID:
			d.add(Rebuild, was.FullName(), "", "table %s was re-created", was.FullName())
			d.unfit(was, namesake)
			continue
		case is.Schema != was.Schema && movedTo != "":
			d.add(Rebuild, was.FullName(), "", "table %s was moved to schema %s", was.FullName(), is.Schema)
		case is.Schema != was.Schema:
			d.add(Stop, was.FullName(), fmt.Sprintf("ALTER TABLE %s SET SCHEMA %s, or move the others, too", quote(is.Schema, is.Name), quote(was.Schema)),
				"table %s was moved to schema %s", was.FullName(), is.Schema)
		}
		if is.Name != was.Name {
			d.add(Stop, was.FullName(), fmt.Sprintf("ALTER TABLE %s RENAME TO %s", quote(is.Schema, is.Name), quote(was.Name)),
				"table %s was renamed to %s", was.FullName(), is.Name)
			continue
		}
		d.table(was, is)
	}
}

// allMovedTo is the other schema that all followed tables are in now; empty
// when they are not all in one.
func (d *differ) allMovedTo() string {
	to := ""
	for _, name := range followedNames() {
		was := d.was.Table(d.schema, name)
		if was == nil {
			return ""
		}
		is := d.is.ByOID(was.OID)
		if is == nil || is.Schema == was.Schema || to != "" && is.Schema != to {
			return ""
		}
		to = is.Schema
	}
	return to
}

// table compares what was and is the same table.
func (d *differ) table(was, is *TableLayout) {
	name := was.FullName()
	if was.Persistence != is.Persistence {
		d.add(Rebuild, name, "", "table %s is %s now; it was %s", name, persistence(is.Persistence), persistence(was.Persistence))
	}
	if was.ReplicaIdentity != is.ReplicaIdentity || !slices.Equal(was.IdentityColumns, is.IdentityColumns) {
		d.add(Rebuild, name, "", "the replica identity of %s is %s now; it was %s", name, identity(is), identity(was))
	}
	if was.Kind != is.Kind || was.Partition != is.Partition || was.Children != is.Children || !slices.Equal(was.KeyColumns, is.KeyColumns) {
		d.add(Rebuild, name, "", "table %s was altered (partitions, children or primary key)", name)
	}
	d.columns(was, is)
	d.unfit(was, is)
}

func (d *differ) columns(was, is *TableLayout) {
	name := was.FullName()
	table, _ := tasker.TableByName(was.Name)
	for i := range was.Columns {
		c := &was.Columns[i]
		needed := slices.ContainsFunc(table.Info().Followed, func(f tasker.Column) bool { return f.Name == c.Name })
		n := is.Column(c.Name)
		switch {
		case n == nil:
			if j := slices.IndexFunc(is.Columns, func(o ColumnLayout) bool { return o.Number == c.Number }); j >= 0 {
				d.add(Rebuild, name, "", "column %s.%s was renamed to %s", name, c.Name, is.Columns[j].Name)
			} else if !needed { // of one that is, unfit says so
				d.add(Rebuild, name, "", "column %s.%s is gone", name, c.Name)
			}
		case !needed:
		case n.Number != c.Number:
			d.add(Rebuild, name, "", "column %s.%s was re-created", name, c.Name)
		case n.Type != c.Type: // as above
		case n.Written != c.Written:
			d.add(Rebuild, name, "", "column %s.%s was altered; its values may have been rewritten", name, c.Name)
		}
	}
	for i := range is.Columns {
		c := &is.Columns[i]
		if was.Column(c.Name) == nil && !slices.ContainsFunc(was.Columns, func(o ColumnLayout) bool { return o.Number == c.Number }) {
			d.add(Rebuild, name, "", "column %s.%s was added", name, c.Name)
		}
	}
}

// unfit adds what keeps the table, as it is now, from being followed, and did
// not before.
func (d *differ) unfit(was, is *TableLayout) {
	before := was.unfit()
	for _, f := range is.unfit() {
		if slices.Contains(before, f) {
			continue
		}
		d.add(Stop, was.FullName(), f.Remedy, "%s", f.What)
	}
}

func (d *differ) functions() {
	key := func(f FunctionLayout) string { return f.Schema + "." + f.Name + "(" + f.Arguments + ")" }
	was := map[string]string{}
	for _, f := range d.was.Functions {
		was[key(f)] = f.Definition
	}
	for _, f := range d.is.Functions {
		definition, known := was[key(f)]
		delete(was, key(f))
		switch {
		case !known:
			d.add(AskRules, "", "", "function %s was created", key(f))
		case definition != f.Definition:
			d.add(AskRules, "", "", "function %s was replaced", key(f))
		}
	}
	for _, f := range d.was.Functions { // in their order
		if _, gone := was[key(f)]; gone {
			d.add(AskRules, "", "", "function %s is gone", key(f))
		}
	}
}

func persistence(letter string) string {
	switch letter {
	case "p":
		return "logged"
	case "u":
		return "unlogged"
	}
	return "temporary"
}

func identity(t *TableLayout) string {
	switch t.ReplicaIdentity {
	case "d":
		return "DEFAULT (" + strings.Join(t.IdentityColumns, ", ") + ")"
	case "f":
		return "FULL"
	case "n":
		return "NOTHING"
	}
	return "an index (" + strings.Join(t.IdentityColumns, ", ") + ")"
}
