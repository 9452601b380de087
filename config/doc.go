// Package config is the configuration of the sidecar: one typed structure,
// [Config], in which every tunable of the project has a field with a meaning,
// a unit, a range and a default.
//
//	defaults ─▶ file (--config) ─▶ database ─▶ TASKER_SIDECAR_… ─▶ flags ─▶ API      later wins
//	                     │
//	                     ▼
//	        values with their origin ─▶ Config ─▶ every rule checked ─▶ all problems at once
//
// The structure is the only source: keys, flags, environment variables, the
// documentation page and the checks are all derived from its fields, their
// tags and their doc comments. A structure within it makes keys longer, as in
// engine.backoff.max_backoff_seconds. Other packages add sections of their own
// with [Register]. A field's tags are
//
//	default:"10s"          its default; without it the zero value
//	range:"1s..1h"         its least and greatest value; either may be missing
//	unit:"1s"              its values are multiples of this
//	oneof:"auto v01 v02"   the words that it may be
//	form:"host:port"       a rule with a name, see form.go
//	flag:"http-listen"     a short flag besides --section.field-name
//	apply:"live"           a change takes effect at once; otherwise after a restart
//	scope:"workflow"       it may differ by workflow and step
//	carried:"why"          it is known and checked, and has no effect here
//	use:"@analysis"        what an option of the engine is used for here
//
// Those of apply, scope and carried hold for all that is in a structure when the structure's
// field has them, unless a field in it says otherwise (apply:"restart",
// scope:"process"). A field is a string, Secret, *string (nil is written null),
// bool, int, float64, time.Duration, Size, or a list of string, int or float64.
//
// Values of all sources are text until they meet their field, so a rule holds
// wherever a value comes from. A value keeps its origin on its way through the
// layers; a problem therefore names the place to mend.
//
// This package starts nothing and knows no other package of the project: who
// needs a value is handed it by the command. A Config is a plain value, safe
// to copy and to read concurrently. Secrets are never printed; see [Secret].
package config

//go:generate go test . -update
