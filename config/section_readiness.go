package config

import "time"

// Readiness is how the index answers.
type Readiness struct {
	// Rules are the readiness rules to follow: those of engines before 1.0.5
	// (v01), those since (v02), or, with auto, whichever the database's own
	// functions follow, found by asking them.
	Rules string `oneof:"auto v01 v02" default:"auto" flag:"rules"`
	// RulesSteps is how many steps of each kind about which the versions differ
	// are asked about.
	RulesSteps int `range:"1..1000" default:"20"`
	// RulesTimeout bounds each statement that looks for such steps.
	RulesTimeout time.Duration `range:"10ms..10m" default:"5s"`
}
