// Package metrics tells Prometheus what a sidecar does.
//
// It owns the names, the help texts and the labels of all metrics, and the page
// that documents them. It keeps only what it is told of as it happens (requests,
// apply times); everything else is read from the source at each scrape, so that
// there is no second count that could drift from what /v1/status says.
//
//	api.Source ──Status, Current──▶ collector ─┐
//	api.Server ──Observe──────────▶ requests ──┼──▶ Handler ──▶ /metrics
//	follower ────ObserveApply─────▶ histogram ─┘
//
// Invariants: names begin with tasker_sidecar_ and end with their unit; the
// values of a label are known when the program is built (routes, methods,
// statuses, causes, kinds), never an id, a name or an error's text.
package metrics

//go:generate go test . -run TestPage -update
