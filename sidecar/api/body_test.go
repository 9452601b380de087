package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestContextsRequest(t *testing.T) {
	for body, want := range map[string][]int64{
		`{"task_ids":[1,2]}`:                                      {1, 2},
		" {\n\t\"task_ids\" : [ 1 , -2 , 0 ] }\r\n":               {1, -2, 0},
		`{"task_ids":[]}`:                                         {},
		`{"task_ids":[9223372036854775807,-9223372036854775808]}`: {1<<63 - 1, -1 << 63},
		`{"task_ids":[` + strings.Repeat("5,", 9) + `5]}`:         {5, 5, 5, 5, 5, 5, 5, 5, 5, 5},
	} {
		got, detail := parseContextsRequest([]byte(body), 10)
		if detail != nil || !slices.Equal(got, want) || got == nil {
			t.Errorf("%s: got %v, %v", body, got, detail)
		}
	}
}

func TestContextsRequestRefuses(t *testing.T) {
	for body, location := range map[string]string{
		``:                                       "body",
		`null`:                                   "body",
		`[1,2]`:                                  "body",
		`{}`:                                     "body.task_ids",
		`{"task_ids"`:                            "body.task_ids",
		`{"task_ids":1}`:                         "body.task_ids",
		`{"task_ids":null}`:                      "body.task_ids",
		`{"task_ids":[1 2]}`:                     "body.task_ids",
		`{"task_ids":[1,2}`:                      "body.task_ids",
		`{"task_ids":[1,2]`:                      "body",
		`{"task_ids":[1,2]} x`:                   "body",
		`{"task_ids":[1,2],}`:                    "body",
		`{,"task_ids":[1,2]}`:                    "body",
		`{"task_ids":[1],"task_ids":[2]}`:        "body.task_ids",
		`{"task_ids":[1],"limit":2}`:             "body.limit",
		`{"ids":[1]}`:                            "body.ids",
		`{"task_ids":["1"]}`:                     "body.task_ids[0]",
		`{"task_ids":[1,]}`:                      "body.task_ids[1]",
		`{"task_ids":[1,null]}`:                  "body.task_ids[1]",
		`{"task_ids":[1.0]}`:                     "body.task_ids[0]",
		`{"task_ids":[1e3]}`:                     "body.task_ids[0]",
		`{"task_ids":[+1]}`:                      "body.task_ids[0]",
		`{"task_ids":[01]}`:                      "body.task_ids[0]",
		`{"task_ids":[1,2,9223372036854775808]}`: "body.task_ids[2]",
		`{"task_ids":[1,2,3,4]}`:                 "body.task_ids",
		"{\"task_ids\":[\x00]}":                  "body.task_ids[0]",
		"\xef\xbb\xbf{\"task_ids\":[1]}":         "body",
	} {
		_, detail := parseContextsRequest([]byte(body), 3)
		switch {
		case detail == nil:
			t.Errorf("%s: accepted", body)
		case detail.Location != location:
			t.Errorf("%s: the error is at %q, want %q", body, detail.Location, location)
		}
	}
}

// What the hand-written decoder accepts, encoding/json reads the same.
func FuzzContextsRequest(f *testing.F) {
	for _, seed := range []string{`{"task_ids":[1,2]}`, `{"task_ids":[]}`, ` { "task_ids" : [ -1 ] } `, `{"x":1}`, `{"task_ids":[1e1]}`, `{"task_ids":[-0]}`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, detail := parseContextsRequest(body, 5)
		if detail != nil {
			wellFormed(t, detail)
			return
		}
		var want ContextsRequest
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q was accepted, encoding/json says %v", body, err)
		}
		if !slices.Equal(got, want.TaskIDs) {
			t.Fatalf("%q was read as %d, not %d", body, got, want.TaskIDs)
		}
	})
}
