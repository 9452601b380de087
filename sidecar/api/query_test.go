package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

var hotParameters = parameters{"step_id": true, "task_id": true, "min_lsn": false, "derived": false}

func TestQuery(t *testing.T) {
	q, detail := parseHotQuery(hotParameters, "step_id=1&step_id=-2&&min_lsn=16%2FB374D848&derived=true", 10)
	if detail != nil {
		t.Fatal(detail)
	}
	if !slices.Equal(q.stepIDs, []int64{1, -2}) || q.minLSN != 0x16B374D848 || !q.derived || q.taskIDs != nil {
		t.Errorf("got %+v", q)
	}
}

func TestQueryRefuses(t *testing.T) {
	for query, location := range map[string]string{
		"step=1":                            "query.step",
		"step_id=":                          "query.step_id",
		"step_id":                           "query.step_id",
		"step_id=x":                         "query.step_id",
		"step_id=%2B1":                      "query.step_id",
		"step_id=1.0":                       "query.step_id",
		"step_id=9223372036854775808":       "query.step_id",
		"step_id=-9223372036854775809":      "query.step_id",
		"step_id=%00":                       "query.step_id",
		"step_id=%zz":                       "query.step_id",
		"%zz=1":                             "query",
		"derived=%ff":                       "query.derived",
		"derived=yes":                       "query.derived",
		"derived=true&derived=true":         "query.derived",
		"min_lsn=1":                         "query.min_lsn",
		"min_lsn=1/1&min_lsn=1/1":           "query.min_lsn",
		"min_lsn=100000000/0":               "query.min_lsn",
		"step_id=1&step_id=2&step_id=3":     "query.step_id", // one more than allowed here
		"step_id=1;step_id=2":               "query.step_id",
		"step_id=1&step_id%00=2":            "query.step_id\x00",
		"task_id=1&task_id=2&task_id=12345": "query.task_id",
	} {
		_, detail := parseHotQuery(hotParameters, query, 2)
		switch {
		case detail == nil:
			t.Errorf("%s: accepted", query)
		case detail.Location != location:
			t.Errorf("%s: the error is at %q, want %q", query, detail.Location, location)
		case detail.Message == "":
			t.Errorf("%s: the error says nothing", query)
		}
	}
}

// What the hand-written decoder accepts, the standard library reads the same;
// what is refused has a location, a message and a value that JSON can hold.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"step_id=1&step_id=2", "min_lsn=16/B374D848&derived=true", "task_id=%31", "derived=false&", "&&", "step_id=+1", "a=b", "%", "step_id=1;x", "\x00=\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, detail := parseHotQuery(hotParameters, raw, 5)
		if detail != nil {
			wellFormed(t, detail)
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q was accepted, the standard library says %v", raw, err)
		}
		compareIDs(t, values["step_id"], q.stepIDs)
		compareIDs(t, values["task_id"], q.taskIDs)
		if text := values.Get("min_lsn"); text != "" {
			if lsn, err := tasker.ParseLSN(text); err != nil || lsn != q.minLSN {
				t.Fatalf("min_lsn %q was read as %v", text, q.minLSN)
			}
		}
		if q.derived != (values.Get("derived") == "true") {
			t.Fatalf("derived %q was read as %v", values.Get("derived"), q.derived)
		}
	})
}

func compareIDs(t *testing.T, texts []string, ids []int64) {
	t.Helper()
	if len(texts) != len(ids) {
		t.Fatalf("%q were read as %d", texts, ids)
	}
	for i, text := range texts {
		var want int64
		if err := json.Unmarshal([]byte(trimZeros(text)), &want); err != nil || want != ids[i] {
			t.Fatalf("%q was read as %d", text, ids[i])
		}
	}
}

// trimZeros takes away leading zeros, which JSON does not have.
func trimZeros(text string) string {
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	for len(text) > 1 && text[0] == '0' {
		text = text[1:]
	}
	return sign + text
}

func wellFormed(t *testing.T, detail *huma.ErrorDetail) {
	t.Helper()
	if detail.Location == "" || detail.Message == "" {
		t.Fatalf("an error without place or words: %+v", detail)
	}
	text, err := json.Marshal(detail)
	if err != nil {
		t.Fatal(err)
	}
	var back huma.ErrorDetail
	if err := json.Unmarshal(text, &back); err != nil || back.Value != detail.Value {
		t.Fatalf("the value %q does not survive JSON", detail.Value)
	}
}
