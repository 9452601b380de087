// Package chaos makes random statements, legal and illegal ones, over the
// engine's tables that are followed, for tests which compare what an index has
// made of a log with what the database's functions answer.
//
// A [Program] is data: transactions of single SQL statements with literal
// values, deterministic by seed, printed as a script for psql. Each statement
// runs under a savepoint of its own; one that fails is undone and the
// transaction goes on, so every part of a program is runnable without the rest
// and a failing program shrinks ([Shrink]) by leaving parts out.
//
// What it does to the tables: inserts, multi-row and bulk inserts, upserts,
// transitions as the engine writes them and as it never would; updates of every
// followed column, of the columns by which rows belong to each other, of
// primary keys, and updates that change nothing; NULLs, states outside the
// machine, values stored out of line, times past, future and infinite; deletes
// with the children first, without, and with foreign keys off, so that orphans
// stay; truncates; savepoints and transactions rolled back.
//
// Keys are drawn from small ranges, so that statements meet the same rows.
// Nothing outside the engine's tables is touched. Foreign keys are switched
// off by session_replication_role, which takes a superuser; with
// [Options.Referential] a program does without.
package chaos
