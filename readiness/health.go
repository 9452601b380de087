package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// SystemHealthCounts answers get_system_health_counts_v01 in constant time, but
// for the connections, which are in no log and NULL here.
func (v *View) SystemHealthCounts() tasker.SystemHealthCounts { return v.health }
