package loader

import (
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// CopiedColumns are the columns that are written, by table.
func CopiedColumns() map[tasker.Table][]string {
	all := map[tasker.Table][]string{}
	for _, c := range copied {
		all[c.table] = strings.Split(c.columns, ", ")
	}
	return all
}
