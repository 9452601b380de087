package projection_test

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// differences compares the rows with the index, at a quiet point.
func differences(t testing.TB, l *projecttest.Lab) []string {
	t.Helper()
	l.Written(t)
	found, err := projection.Compare(t.Context(), l.Conn, l.Follower.View(), projecttest.Forever)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func mustBeSame(t testing.TB, l *projecttest.Lab) {
	t.Helper()
	for _, d := range differences(t, l) {
		t.Error(d)
	}
}
