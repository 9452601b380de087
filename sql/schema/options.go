package schema

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// The names of our schemas. They are fixed: functions and programs name them.
const (
	// Name is the schema with the rows and the views.
	Name = "tasker_sidecar"
	// CompatName is the schema with the drop-in functions and nothing else.
	CompatName = "tasker_sidecar_compat"
)

// LockKey is the key of the advisory lock under which everything here changes a
// database: "tasker" in ASCII and the number 1.
const LockKey int64 = 0x7461_736b_6572_0001

// Persistence says whether the rows outlive a crash of the server.
type Persistence uint8

const (
	// Keep leaves the rows as they are; new ones are unlogged.
	Keep Persistence = iota
	// Unlogged rows cost no log. A crash empties them, and the sidecar writes
	// them anew.
	Unlogged
	// Logged rows are on read replicas, too.
	Logged
)

// Options says what is installed, where, and for whom. The zero value installs
// the schema tasker_sidecar and an empty tasker_sidecar_compat.
type Options struct {
	// Engine is the schema of the engine's tables.
	// Defaults to "": the one schema that has them all.
	Engine string

	// Persistence is that of the rows. Changing it rewrites them.
	// Defaults to Keep.
	Persistence Persistence

	// FunctionsOnly installs the schema tasker_sidecar_compat alone.
	// Defaults to false.
	FunctionsOnly bool

	// Steps follow the migrations at every installation, in this order.
	// Defaults to none.
	Steps []Step

	// Sidecar names roles that get what a running sidecar needs, and Readers
	// roles that may read the rows and views. They have to exist.
	// Default to none.
	Sidecar, Readers []string

	// Writers names roles that get what moving tasks and steps by hand needs:
	// rights to the engine's own tables. They have to exist. A removal leaves
	// them, because the tables are not ours.
	// Defaults to none.
	Writers []string

	// LockTimeout bounds the wait for each lock: that of another installation,
	// and those of the tables that a migration alters.
	// Defaults to 10 seconds.
	LockTimeout time.Duration

	// Log is told in one line each what has been done.
	// Defaults to nil: nobody is told.
	Log func(line string)

	// migrations are those that there are.
	// Defaults to the ones in sql/migrations.
	migrations []migration
}

// Step is something that every installation does anew: CREATE OR REPLACE, or
// other statements that can be repeated.
type Step struct {
	// Name says in a few words what it is, for logs and errors.
	Name string
	// Run does it. For [Plan] the transaction only writes down what is given
	// to its Exec, without arguments, while its queries see the database as it
	// was before; so Run asks first and decides by that.
	Run func(ctx context.Context, tx pgx.Tx, engine string) error
}

func (o Options) withDefaults() (Options, error) {
	if o.LockTimeout == 0 {
		o.LockTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.migrations == nil {
		var err error
		if o.migrations, err = embedded(); err != nil {
			return o, err
		}
	}
	return o, nil
}
