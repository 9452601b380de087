// Package store keeps values of the configuration in the database: one source
// among others, for what an operator changes while sidecars run, on all of them
// at once.
//
//	Write ──▶ tasker_sidecar.configuration_changes ──▶ view tasker_sidecar.configuration ──▶ Read
//	               a row a change, none ever altered          the latest of each                │
//	                        │ NOTIFY tasker_sidecar_configuration                               ▼
//	                        └──────────────────────▶ Watch ──▶ whoever reloads          a layer of config.Load
//
// A change is checked against all others under an advisory lock, so that two
// that are right each by itself and wrong together are not both made. Undoing
// writes new changes: what was in force when, and who wanted it, stays known.
//
// The package knows what is stored and when; whether it is right is for the
// caller, who gives [Write] a function that asks [config.Load].
//
// Secrets are never stored, nor what it takes to reach the database: see
// [config.Option.NotStored].
package store
