package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// document is as much of an OpenAPI document as the tests look at.
type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Summary     string
		Parameters  []struct {
			Name, In    string
			Required    bool
			Description string
			Schema      map[string]any
		}
		RequestBody *struct {
			Content map[string]struct{ Schema map[string]any }
		}
		Responses map[string]struct {
			Description string
			Content     map[string]struct{ Schema map[string]any }
		}
	}
	Components struct {
		Schemas map[string]any
	}
}

// described gives a server's document, as sent and decoded.
func described(t *testing.T, s *Server) (raw []byte, doc document) {
	t.Helper()
	r := question(t, s, http.MethodGet, "/openapi.json")
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.text)
	}
	if err := json.Unmarshal([]byte(r.text), &doc); err != nil {
		t.Fatal(err)
	}
	return []byte(r.text), doc
}

func TestOpenAPIListsEveryRoute(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{Version: "1.2.3"})
	_, doc := described(t, s)
	var routes []string
	for path, item := range doc.Paths {
		for method := range item {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	want := []string{
		"GET /healthz", "GET /metrics", "GET /openapi.json", "GET /readyz",
		"GET /v1/analytics", "GET /v1/config", "GET /v1/config/schema", "GET /v1/contexts", "GET /v1/dag", "GET /v1/events", "GET /v1/health-counts", "GET /v1/maintenance", "GET /v1/status",
		"GET /v1/steps", "GET /v1/steps/ready", "GET /v1/steps/slowest", "GET /v1/steps/{workflow_step_id}", "GET /v1/steps/{workflow_step_id}/reasons",
		"GET /v1/steps/{workflow_step_id}/transitions",
		"GET /v1/tasks/slowest", "GET /v1/tasks/{task_id}/analysis", "GET /v1/tasks/{task_id}/context", "GET /v1/tasks/{task_id}/levels", "GET /v1/tasks/{task_id}/reasons", "GET /v1/tasks/{task_id}/steps",
		"GET /v1/tasks/{task_id}/transitions", "PATCH /v1/config", "PATCH /v1/maintenance", "POST /v1/contexts", "POST /v1/steps/{workflow_step_id}/transitions",
		"POST /v1/tasks/{task_id}/transitions", "POST /v1/transitions/batch", "POST /v1/verify",
	}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Error(diff)
	}
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// TestOpenAPIIsValid checks what the specification asks for.
func TestOpenAPIIsValid(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{Version: "1.2.3"})
	raw, doc := described(t, s)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version != "1.2.3" {
		t.Errorf("openapi %q, info %+v", doc.OpenAPI, doc.Info)
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item {
			what := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
				t.Errorf("%s: operation id %q, summary %q", what, op.OperationID, op.Summary)
			}
			ids[op.OperationID] = true
			declared := map[string]bool{}
			for _, p := range op.Parameters {
				key := p.In + " " + p.Name
				if declared[key] || p.Schema == nil || p.Description == "" || p.In == "path" && !p.Required {
					t.Errorf("%s: parameter %+v", what, p)
				}
				declared[key] = true
			}
			for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
				if !declared["path "+m[1]] {
					t.Errorf("%s: path parameter %s is not declared", what, m[1])
				}
			}
			if _, ok := op.Responses["200"]; !ok {
				t.Errorf("%s: no 200", what)
			}
			for status, r := range op.Responses {
				if r.Description == "" || len(r.Content) != 1 {
					t.Errorf("%s: response %s: %+v", what, status, r)
				}
			}
			if strings.HasPrefix(path, "/v1/") {
				for _, status := range []string{"400", "401"} {
					if _, ok := op.Responses[status].Content["application/problem+json"]; !ok {
						t.Errorf("%s: no problem for %s", what, status)
					}
				}
			}
			if _, ok := op.Responses["422"]; ok && !strings.Contains(path, "/transitions") {
				t.Errorf("%s says 422, which is never given", what)
			}
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref": ?"([^"]*)"`).FindAllSubmatch(raw, -1) {
		name, ok := strings.CutPrefix(string(ref[1]), "#/components/schemas/")
		if _, known := doc.Components.Schemas[name]; !ok || !known {
			t.Errorf("the reference %s leads nowhere", ref[1])
		}
	}
	compiler := schemas(t, raw)
	for name := range doc.Components.Schemas {
		compiled(t, compiler, "#/components/schemas/"+name)
	}
}

// schemas compiles the JSON Schemas of a document.
func schemas(t *testing.T, raw []byte) *jsonschema.Compiler {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return compiler
}

// compiled compiles the schema at a place of the document.
func compiled(t *testing.T, compiler *jsonschema.Compiler, place string) *jsonschema.Schema {
	t.Helper()
	schema, err := compiler.Compile("openapi.json" + place)
	if err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	return schema
}

// TestAnswersAreAsDescribed validates what every route answers against what
// the document says it does, problems included.
func TestAnswersAreAsDescribed(t *testing.T) {
	view := goldenView(t, tasker.RulesV01)
	s := started(t, newSource(view, Freshness{AsOfLSN: goldenLSN, Stale: true, StaleCause: "a test"}), Options{MaxWait: 1e6, Configuration: &fakeConfiguration{}})
	raw, doc := described(t, s)
	compiler, compiledAt := schemas(t, raw), map[string]*jsonschema.Schema{}
	check := func(path, route string, r response) {
		t.Helper()
		contentType := "application/json"
		if r.status != http.StatusOK {
			contentType = "application/problem+json"
		}
		status := fmt.Sprint(r.status)
		if _, ok := doc.Paths[route]["get"].Responses[status].Content[contentType]; !ok {
			t.Errorf("%s: the answer %s as %s is not described", path, status, contentType)
			return
		}
		place := "#/paths/" + escape(route) + "/get/responses/" + status + "/content/" + escape(contentType) + "/schema"
		if compiledAt[place] == nil {
			compiledAt[place] = compiled(t, compiler, place)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(r.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiledAt[place].Validate(value); err != nil {
			t.Errorf("%s: %v\n%s", path, err, r.text[:min(len(r.text), 1000)])
		}
	}
	paths := append([]string{"/healthz", "/v1/status"}, everyQuestion...)
	for _, r := range goldenTable(t, "tasker_tasks")[:60] {
		for _, question := range []string{"steps?derived=true", "context?derived=true", "levels?derived=true", "reasons"} {
			paths = append(paths, "/v1/tasks/"+r.text("task_id")+"/"+question)
		}
	}
	paths = append(paths, "/v1/health-counts?derived=true", "/v1/steps/slowest?since=2000-01-01T00:00:00Z", "/v1/tasks/slowest?since=2000-01-01T00:00:00Z",
		"/v1/steps/1004?derived=true", "/v1/analytics?since=2000-01-01T00:00:00Z", "/v1/steps/ready?limit=3")
	for _, path := range paths {
		answer := question(t, s, http.MethodGet, path)
		if answer.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, answer.status, answer.text)
			continue
		}
		check(path, describedRoute(t, doc, path), answer)
	}
	for path, status := range map[string]int{
		"/readyz": 503, "/v1/tasks/1/steps": 404, "/v1/tasks/24/steps?x=1": 400, "/v1/steps/ready?limit=0": 400, "/v1/tasks/24/context?min_lsn=FF/0": 503,
		"/v1/steps/1/reasons": 404, "/v1/contexts": 400, "/v1/dag": 400,
	} {
		answer := question(t, s, http.MethodGet, path)
		if answer.status != status {
			t.Errorf("%s: %d %s", path, answer.status, answer.text)
		}
		check(path, describedRoute(t, doc, path), answer)
	}
}

func escape(pointer string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(pointer)
}

// describedRoute finds the path of the document that an address belongs to.
func describedRoute(t *testing.T, doc document, address string) string {
	t.Helper()
	path, _, _ := strings.Cut(address, "?")
	if _, ok := doc.Paths[path]; ok {
		return path
	}
	for route := range doc.Paths {
		if regexp.MustCompile("^" + pathParameter.ReplaceAllString(route, `[^/]+`) + "$").MatchString(path) {
			return route
		}
	}
	t.Fatalf("%s is not described", address)
	return ""
}
