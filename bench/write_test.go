package bench

import "testing"

// TestWriteSuite is what TestFollowSuite is for the suite of transitions.
func TestWriteSuite(t *testing.T) { testSuite(t, "write") }
