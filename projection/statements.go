package projection

import (
	"io/fs"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
)

// The statements, each a file.
var (
	sqlUpsertSteps      = statement("upsert_step_rows")
	sqlUpsertTasks      = statement("upsert_task_rows")
	sqlUpsertDAG        = statement("upsert_dag_rows")
	sqlUpsertCandidates = statement("upsert_candidate_rows")
	sqlDeleteSteps      = statement("delete_step_rows")
	sqlDeleteTasks      = statement("delete_task_rows")
	sqlDeleteDAG        = statement("delete_dag_rows")
	sqlDeleteCandidates = statement("delete_candidate_rows")
	sqlInsertFlush      = statement("insert_flush")
	sqlDeleteFlushes    = statement("delete_flushes")
	sqlWithdraw         = statement("withdraw")
	sqlLastFlush        = statement("last_flush")
	sqlReadSteps        = statement("read_step_rows")
	sqlReadTasks        = statement("read_task_rows")
	sqlReadDAG          = statement("read_dag_rows")
	sqlReadCandidates   = statement("read_candidate_rows")
	sqlRowSizes         = statement("row_sizes")
)

// statement is the text of a file; one that is missing shows when the program
// starts.
func statement(name string) string {
	text, err := fs.ReadFile(sql.Projection, "projection/"+name+".sql")
	if err != nil {
		panic("projection: " + err.Error())
	}
	return strings.TrimSpace(string(text))
}
