// Package schema installs what the project keeps in a database, looks at it,
// and removes it: the schema tasker_sidecar, made by the migrations in
// sql/migrations, and the schema tasker_sidecar_compat, which holds nothing but
// the drop-in functions and their view.
//
// # How an installation proceeds
//
// Each migration is applied once, in a transaction of its own together with its
// row in tasker_sidecar.migrations; what can be said again and again (the
// drop-ins, rights) follows in a last transaction, the [Step]s. Every one of
// these transactions first takes the advisory lock [LockKey] and then reads
// what is there, so that an installation can be repeated, interrupted, and run
// from two places at once.
//
//	for each migration:  BEGIN; lock; read; apply unless there; record; COMMIT
//	at the end:          BEGIN; lock; read; steps; rights;             COMMIT
//
// [Plan] runs the same code with a transaction that writes statements down
// instead of executing them: the script is what an installation would do.
//
// # Invariants
//
// A migration whose source no longer has the checksum that was recorded is
// refused ([ChangedError]), and so is a schema that is newer than this program
// knows ([NewerError]): [Check] is what a program asks before it writes.
//
// No object in the schema tasker_sidecar depends on one of the engine's, so that
// no migration of the application meets it. Nothing is ever dropped with CASCADE: [Uninstall] drops
// the objects listed in objects.txt one by one, and refuses when there is
// anything else ([ForeignError]).
package schema
