// Package sql holds the project's SQL as source files, one idea a file, and
// gives them to the packages beneath it as file systems. It has no behavior,
// and a program that does not use one of the file systems does not carry it.
package sql

import "embed"

// Testbed is the directory testbed: tables, functions, v01 and views of the
// stand-in for the engine's side of a database. Package sql/testbed installs it.
//
//go:embed testbed/tables/*.sql testbed/functions/*.sql testbed/v01/*.sql testbed/views/*.sql
var Testbed embed.FS

// Migrations is the directory migrations: what made the schema tasker_sidecar
// what it is, one step a file, NNNN_name.sql. Package sql/schema applies them.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Functions is the directory functions: the drop-in functions and the view, one
// file each, and in parts what several of them share. Package sql/dropin
// renders and installs them.
//
//go:embed functions/*.sql functions/parts/*.sql
var Functions embed.FS

// TestData is the directory testdata: data sets with the answers that the
// engine gave about them (golden), and a script that makes a larger one
// (load.sql). For tests and benchmarks.
//
//go:embed testdata
var TestData embed.FS

// Projection is the directory projection: the statements with which package
// projection writes and reads rows, one a file.
//
//go:embed projection/*.sql
var Projection embed.FS

// Writer is the directory writer: the statements with which package
// statemachine/writer performs transitions, one a file.
//
//go:embed writer/*.sql
var Writer embed.FS
