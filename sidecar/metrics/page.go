package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// page is docs/metrics.md.
func page() string {
	var b strings.Builder
	b.WriteString(`# Metrics

<!-- Generated from the descriptions in sidecar/metrics by its tests (go test ./sidecar/metrics -update). Do not edit. -->

` + "`GET /metrics`" + ` gives them in Prometheus' text format, on the API's address and, where one is configured, on the probes' address.
With tokens configured it asks for one (role reader). The values of all labels are known beforehand: no ids, names or texts.
Beside these there are those of the process (` + "`process_*`" + `) and of Go's runtime (` + "`go_*`" + `).

| name | type | labels | meaning |
|---|---|---|---|
`)
	row := func(name, kind, labels, help string) {
		if labels != "" {
			labels = "`" + strings.ReplaceAll(labels, ",", "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s_%s` | %s | %s | %s |\n", namespace, name, kind, labels, help)
	}
	for _, r := range readings {
		kind := "gauge"
		if r.kind == prometheus.CounterValue {
			kind = "counter"
		}
		row(r.name, kind, r.label, r.help)
	}
	row(applyTime.Name, "histogram", "", applyTime.Help)
	row(requests.Name, "counter", "route,method,code", requests.Help)
	row(moves.Name, "counter", "kind,to,result", moves.Help)
	row(requestTime.Name, "histogram", "route", requestTime.Help)
	b.WriteString(`
## What to watch

- ` + "`tasker_sidecar_ready == 0`" + `: answers are missing or not vouched for; the log and ` + "`/v1/status`" + ` say why.
- ` + "`tasker_sidecar_age_seconds`" + ` growing: the server, the network or the sidecar stands still. An idle database does not make it grow.
- ` + "`tasker_sidecar_wal_behind_bytes`" + `: log that the server cannot recycle because of the sidecar; beyond ` + "`replication.max_wal_behind`" + ` the sidecar drops its slot and starts again.
- ` + "`tasker_sidecar_maintenance_stopped == 1`" + `: more was to be repaired in a minute than the service's budget allows; [maintenance](maintenance.md) says what to do.
- ` + "`increase(tasker_sidecar_verify_differences_total[1h]) > 0`" + `: a wrong answer; please report it.
- ` + "`rate(tasker_sidecar_snapshots_total[15m])`" + ` above a few an hour: something keeps cutting the connection.
`)
	return b.String()
}
