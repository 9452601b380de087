// Package workload describes workflows as the engine's users have them, and
// what may have happened to their tasks, as plain values. It owns the shapes,
// the error scenarios and the rules by which a task's rows follow from its
// history.
//
//	Workflow ──instantiate──▶ Instance ──Play(Scenario)──▶ history of moves
//	(steps, edges, options)                                    │
//	                     Batch (tasks, links between them) ◀───┘
//	                        │
//	                     Rows.Add ──▶ rows of the engine's tables
//
// A [Workflow] says what a task consists of. An [Instance] is one task of it
// with the moves (transitions) that its steps and itself have made; the
// columns of a row are never chosen, they follow from the moves by the
// contract of the state machines, so that rows and transitions cannot
// disagree. [Generate] streams whole data sets as batches of bounded size.
//
// The package does no I/O but for reading a template from an [io.Reader],
// reads no clock ([Spec.Now] is a value) and is deterministic by seed
// (math/rand/v2, PCG): the same spec gives the same tasks, on every machine.
//
// Beside it: loader writes batches into a database by COPY, player carries
// tasks from creation to their end as the engine's workers do, chaos makes
// random statements, legal and illegal, over all followed tables.
//
// Invariants: a step's parents come before it in Workflow.Steps, so every
// workflow is acyclic; each instance has exactly one entry per step; of a
// history the last move is the most recent row and has the highest sort_key;
// no move lies after Spec.Now unless a scenario says so.
package workload
