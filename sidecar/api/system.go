package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

type healthInput struct {
	Consistency
	Derivable
}

type analyticsInput struct {
	Consistency
	Since string `query:"since" doc:"The start of the period (RFC 3339). Default: one hour ago." format:"date-time"`
}

func (s *routing) routeSystem(api huma.API) {
	ask(s, api, get("health-counts", "/v1/health-counts", tagSystem, "Counts over all tasks and steps (get_system_health_counts_v01)"), s.healthCounts)
	ask(s, api, get("analytics", "/v1/analytics", tagSystem, "Throughput, rates and durations since a time (get_analytics_metrics_v01)"),
		func(_ context.Context, now reading, in *analyticsInput) (*AnalyticsAnswer, *Problem) {
			since := tasker.NoTime
			if in.Since != "" {
				var detail *huma.ErrorDetail
				if since, detail = parseTime("query.since", in.Since); detail != nil {
					return nil, invalid(detail)
				}
			}
			return &AnalyticsAnswer{now.Envelope, now.AnalyticsMetrics(since, now.now)}, nil
		})
	check := get("verify", pathVerify, tagSystem, "Compare the index with the database's own functions, field by field (role admin)")
	check.Method = http.MethodPost
	handled[struct{}, output[VerifyAnswer]](api, check, s.verify)
	huma.Register(api, get("status", "/v1/status", tagSystem, "What the sidecar does, how far it is, what it has found"),
		func(context.Context, *struct{}) (*output[*StatusAnswer], error) {
			// Also before there is a view: then as_of_lsn is 0/0 and stale says why.
			_, fresh := s.source.Current()
			status := s.source.Status()
			if status.Index.Blocked == nil {
				status.Index.Blocked = map[tasker.ReasonCode]int64{}
			}
			if status.Index.Anomalies == nil {
				status.Index.Anomalies = map[string]int64{}
			}
			if status.Writer.Races == nil {
				status.Writer.Races = map[string]int64{}
			}
			status.Maintenance = notNil(status.Maintenance)
			return outputOf(&StatusAnswer{envelopeOf(fresh), status}), nil
		})
}

// verify runs a verification, one at a time, as long as it takes: until the
// client goes or the server stops.
func (s *routing) verify(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if detail := known.each(r.URL.RawQuery, func(string, string) *huma.ErrorDetail { return nil }); detail != nil {
			invalid(detail).write(w)
			return
		}
		if s.options.Verify == nil {
			newProblem(http.StatusNotFound, ProblemNotFound, "this server was started without verification").write(w)
			return
		}
		if !s.verifying.CompareAndSwap(false, true) {
			newProblem(http.StatusConflict, ProblemBusy, "a verification runs already; ask again when it is done").write(w)
			return
		}
		defer s.verifying.Store(false)
		control := http.NewResponseController(w)
		control.SetReadDeadline(time.Time{})  //nolint:errcheck // without it the pass is cut off, which is told
		control.SetWriteDeadline(time.Time{}) //nolint:errcheck // likewise
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.closing, cancel)()
		report, err := s.options.Verify(ctx)
		_, fresh := s.source.Current()
		e := envelopeOf(fresh)
		if err != nil {
			newProblem(http.StatusServiceUnavailable, ProblemVerifyFailed, "the verification was cut short: %s", err).write(w)
			return
		}
		s.sendValue(w, &e, VerifyAnswer{*report, e.StalenessMS, e.Stale, e.StaleCause})
	}
}

func (s *routing) healthCounts(ctx context.Context, now reading, in *healthInput) (*HealthCountsAnswer, *Problem) {
	answer := &HealthCountsAnswer{Envelope: now.Envelope, SystemHealthCounts: now.SystemHealthCounts()}
	ctx, cancel := context.WithTimeout(ctx, s.options.ConnectionsTimeout)
	defer cancel()
	active, maximum, err := s.source.ConnectionCounts(ctx)
	if err != nil {
		s.options.Logger.Warn("the database did not tell its connections", "error", err)
		answer.ConnectionsError = "the database did not answer; the log has the details"
	} else {
		answer.ActiveConnections, answer.MaxConnections = tasker.Some(active), tasker.Some(maximum)
	}
	if in.Derived {
		answer.Derived = now.deriveHealth(&answer.SystemHealthCounts)
	}
	return answer, nil
}

// routeProbes registers what says whether the process lives and whether it
// can be asked.
func (s *routing) routeProbes(api huma.API) {
	handled[struct{}, struct{ Body AliveAnswer }](api, get("healthz", pathHealthz, tagProbes, "200 while the process serves"),
		func(parameters) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = contentJSON
				w.Write([]byte(`{"status":"alive"}` + "\n")) //nolint:errcheck // nobody is left to be told
			}
		})
	handled[struct{}, output[ReadyAnswer]](api, get("readyz", pathReadyz, tagProbes, "200 while answers are given and vouched for, else 503"),
		func(parameters) http.HandlerFunc { return s.readyz })
	text(api, get("metrics", pathMetrics, tagProbes, "Metrics in Prometheus' text format"), "text/plain", &huma.Schema{Type: huma.TypeString}, s.metrics)
	text(api, get("openapi", pathOpenAPI, tagProbes, "This description"), "application/openapi+json", &huma.Schema{Type: huma.TypeString}, s.openAPI)
}

// text registers a route whose body is that of a form of its own.
func text(api huma.API, op huma.Operation, contentType string, schema *huma.Schema, handler http.HandlerFunc) {
	op.DefaultStatus = http.StatusOK
	op.Responses = map[string]*huma.Response{"200": {
		Description: http.StatusText(http.StatusOK),
		Content:     map[string]*huma.MediaType{contentType: {Schema: schema}},
	}}
	handled[struct{}, struct{}](api, op, func(parameters) http.HandlerFunc { return handler })
}

func (s *routing) readyz(w http.ResponseWriter, r *http.Request) {
	view, fresh := s.source.Current()
	if view != nil && !fresh.Stale {
		e := envelopeOf(fresh)
		s.sendValue(w, &e, ReadyAnswer{"ready", e.AsOfLSN, e.StalenessMS})
		return
	}
	cause := fresh.StaleCause
	if !s.guard.trusted(r) {
		cause = "a token is needed to be told why"
	}
	var p *Problem
	if view == nil {
		p = newProblem(http.StatusServiceUnavailable, ProblemNotReady, "there is nothing to answer from yet: %s", cause)
	} else {
		p = newProblem(http.StatusServiceUnavailable, ProblemStale, "answers are stale: %s", cause)
		staleness := max(fresh.Staleness.Milliseconds(), 0)
		p.AsOfLSN, p.StalenessMS = &fresh.AsOfLSN, &staleness
	}
	p.retryAfter = s.options.RetryAfter
	p.write(w)
}
