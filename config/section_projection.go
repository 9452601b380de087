package config

import "time"

// Projection is how what the index knows is written to the tables of the schema
// tasker_sidecar, which tasker-sidecar install makes.
type Projection struct {
	// Mode is whether rows are written: with auto wherever the schema is there,
	// of this program's version, and the role may write to it; with off never.
	Mode string `oneof:"auto off" default:"auto" flag:"projection" apply:"restart"`
	// CheckInterval is how often it is looked whether that has become so.
	CheckInterval time.Duration `range:"1s..1h" default:"10s"`
	// MinPause is the least time between the beginnings of two transactions that
	// write rows. Less of it makes rows newer under load, more of it costs the
	// database less.
	MinPause time.Duration `range:"1ms..10s" default:"8ms"`
	// Rest is how many times as long as such a transaction, or a part of the
	// comparison after a start, took the next one waits, so that the projection
	// gives way on a busy server; in proportion longer where they usually take
	// longer than min_pause.
	Rest float64 `range:"0..100" default:"2"`
	// MaxPause bounds that waiting.
	MaxPause time.Duration `range:"1ms..1m" default:"100ms"`
	// Heartbeat is how often it is written how old the rows are while nothing
	// changes: answers in read mode fast are from rows only if
	// tasker_sidecar.max_staleness is more than this and
	// replication.probe_interval together. In read mode wait nobody waits once
	// nothing has been written for 3 s.
	Heartbeat time.Duration `range:"50ms..2s" default:"250ms"`
	// FlushTimeout bounds one transaction that writes rows.
	FlushTimeout time.Duration `range:"100ms..10m" default:"30s" apply:"restart"`
	// WithdrawTimeout is how long it is tried, when this sidecar stops leading, to
	// say that the rows do not count any more.
	WithdrawTimeout time.Duration `range:"100ms..1m" default:"5s"`
	// KeepFinished is how long the rows of a task stay after it was finished.
	// Answers about other finished tasks are computed from the engine's tables.
	KeepFinished time.Duration `range:"0s..87600h" default:"1h"`
	// SweepInterval is how often rows are looked for that have been kept long
	// enough.
	SweepInterval time.Duration `range:"1s..24h" default:"1m"`
	// RowsPerTransaction bounds how many rows of steps one transaction writes
	// while rows are put right after a start.
	RowsPerTransaction int `range:"1..1000000" default:"10000"`
	// KeepFlushes is how many rows of the table flushes stay.
	KeepFlushes int `range:"2..1000000" default:"100"`
	// CompactInterval is how often it is looked whether tables of rows have grown
	// too large, which they do while somebody keeps a transaction open for long:
	// what is replaced cannot be removed then. Such a table is emptied and filled
	// anew from memory; meanwhile answers are computed from the engine's tables.
	// 0: never.
	CompactInterval time.Duration `range:"0s..24h" default:"15s"`
	// CompactRatio is how many times the size that its rows take in a table just
	// filled is too large.
	CompactRatio float64 `range:"1.5..1000" default:"2.5"`
	// CompactAfter is how long a table that has grown by half may stay so: then it
	// is filled anew, too, so that what an open transaction has left behind goes
	// back to the disk. 0: as long as it is not too large.
	CompactAfter time.Duration `range:"0s..87600h" default:"1h"`
	// CompactFloor is a size up to which no table is too large.
	CompactFloor Size `range:"64KiB..1TiB" default:"4MiB"`
	// CompactLockTimeout bounds how long filling anew waits for who is reading each
	// table, and others wait behind it; if that is in vain, it is tried again after
	// compact_interval.
	CompactLockTimeout time.Duration `range:"1ms..10s" default:"50ms"`
	// NotifyChannel is the channel of NOTIFY on which tasks are announced that
	// have gained steps that can run, with the task's id as payload. Empty: none
	// are.
	NotifyChannel string
	// NotifyMost is how many tasks one transaction names; of more, one
	// notification without payload tells.
	NotifyMost int `range:"1..10000" default:"100"`
}
