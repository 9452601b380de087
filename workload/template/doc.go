// Package template reads the engine's task templates, the YAML by which an
// application describes a workflow, and makes workflows of them.
//
// Every field that the engine knows is read and checked; one that it does not
// know is an error, because a misspelled depends_on_step would silently become
// a step without a parent. Errors are collected, all of them, each with file,
// line and field.
//
// The package reads what it is given and nothing else: no handler class is
// loaded, no schema is fetched.
package template
