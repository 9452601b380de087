package bench

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// spread walks over n in steps that come to every one before repeating.
func spread(i, n int) int64 { return int64(i * 7919 % n) }

// What answers are written to. One who asks in a loop reuses its rows, as the
// HTTP side does; and that they are kept makes the compiler not leave the
// question out.
var answers struct{ readiness []tasker.StepReadiness }
