package leader

// TableSQL creates the table of the epoch in schema tasker_sidecar, with its
// one row, for the migration that installs it. It is LOGGED whatever the rows
// of others are: an epoch that began again at 1 after a crash would let a
// deposed leader write.
//
// It is written once for each change of leader and only locked by each write
// transaction. The primary key lets no second row in, and lets the table be in
// a publication of somebody's FOR ALL TABLES.
const TableSQL = `CREATE TABLE tasker_sidecar.leader (
    epoch   bigint      NOT NULL CHECK (epoch >= 0),
    holder  text        NOT NULL,
    since   timestamptz NOT NULL,
    one_row boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (one_row)
);
INSERT INTO tasker_sidecar.leader (epoch, holder, since) VALUES (0, '', pg_catalog.now());
COMMENT ON TABLE tasker_sidecar.leader IS 'Who may write, or was the last who might: each change of leader raises the epoch.';
`

// LockKey is the key of the advisory lock that a leader holds: one bigint, the
// tag 'L' in its top byte, and "sidecar" in the 56 bits below. Postgres keeps
// the locks of each database apart, so the key says nothing of the database.
// In pg_locks it is the one with classid 1282632036 and objid 1701011826, that
// is ('x' || encode('Lsidecar', 'hex'))::bit(64), in two halves.
const LockKey int64 = 'L'<<56 | 's'<<48 | 'i'<<40 | 'd'<<32 | 'e'<<24 | 'c'<<16 | 'a'<<8 | 'r'

// channel is told when a leader gives its lock back, so that whoever waits
// need not wait for its next look.
const channel = "tasker_sidecar_leader"
