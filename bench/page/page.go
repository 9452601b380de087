package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/soak"
)

//go:embed *.html style.css
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"amount": bench.Amount, "number": bench.Number, "css": stylesheet,
	"ns":   func(v int64) string { return bench.Amount(float64(v), "ns") },
	"at":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
	"row":  func(r bench.Result) bench.Row { return r.Row() },
	"slug": func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", "-") },
}).ParseFS(files, "*.html"))

func stylesheet() template.CSS {
	text, err := files.ReadFile("style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	return template.CSS(text) //nolint:gosec // our own
}

// setting is one of the database's settings.
type setting struct{ Name, Value string }

func settings(of map[string]string) []setting {
	var out []setting
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, setting{name, of[name]})
	}
	return out
}

// Report writes the report of a suite. It says nothing that is not in it.
func Report(w io.Writer, r *bench.Report) error {
	var d drawer
	data := struct {
		*bench.Report
		Summary    bench.Summary
		Groups     []bench.Group
		Settings   []setting
		Advantages []figure
		Shares     []figure
		Latencies  []group
		Growths    []ladder
	}{Report: r, Summary: r.Summary(), Groups: r.Groups(), Settings: settings(r.Meta.Settings)}
	var err error
	if data.Advantages, err = d.ratios(r.Results, bench.Advantage); err != nil {
		return err
	}
	if data.Shares, err = d.ratios(r.Results, bench.Share); err != nil {
		return err
	}
	if data.Latencies, err = d.latencies(r.Results); err != nil {
		return err
	}
	if data.Growths, err = d.growths(r.Results); err != nil {
		return err
	}
	return execute(w, "report.html", data)
}

// Soak writes the report of a soak.
func Soak(w io.Writer, r *soak.Report) error {
	var d drawer
	series, err := d.series(r)
	if err != nil {
		return err
	}
	return execute(w, "soak.html", struct {
		*soak.Report
		Observed []observed
	}{r, series})
}

// execute writes a page whole or not at all.
func execute(w io.Writer, name string, data any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}
