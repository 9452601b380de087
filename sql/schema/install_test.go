package schema_test

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

func TestInstall(t *testing.T) {
	conn := engine(t)
	var told []string
	install(t, conn, schema.Options{Log: func(line string) { told = append(told, line) }})
	t.Log(told)
	if err := schema.Check(t.Context(), conn); err != nil {
		t.Error(err)
	}
}
