package project_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// session opens a session with the given settings, as database.yml gives them.
func session(t testing.TB, url string, settings map[string]string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func pool(t testing.TB, url string, settings map[string]string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range settings {
		config.ConnConfig.RuntimeParams[name] = value
	}
	p, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// answers is how many answers came from rows, and how many did not, by cause.
func answers(t testing.TB, conn *pgx.Conn) (fromRows int64, fallbacks map[string]int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT answers_from_rows, fallbacks FROM tasker_sidecar.freshness`).Scan(&fromRows, &fallbacks); err != nil {
		t.Fatal(err)
	}
	return fromRows, fallbacks
}
