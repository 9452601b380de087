package matrix_test

import (
	"context"
	"errors"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// current is the source of the HTTP side.
type current struct{ view func() *readiness.View }

func (c current) Current() (*readiness.View, api.Freshness) {
	v := c.view()
	return v, api.Freshness{AsOfLSN: v.LSN()}
}
func (current) WaitFor(context.Context, tasker.LSN) error { return nil }
func (current) Status() api.Status                        { return api.Status{} }
func (current) ConnectionCounts(context.Context) (active, maximum int64, err error) {
	return 0, 0, errors.New("there is no database to ask")
}
