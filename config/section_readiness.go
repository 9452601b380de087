package config

// Readiness is how the index answers.
type Readiness struct {
	// Rules are the readiness rules to follow: those of engines before 1.0.5
	// (v01), those since (v02), or, with auto, whichever the database's own
	// functions follow, found by asking them.
	Rules string `oneof:"auto v01 v02" default:"auto" flag:"rules"`
}
