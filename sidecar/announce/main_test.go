package announce_test

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
