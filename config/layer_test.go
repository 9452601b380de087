package config

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

// TestOrderOfSources: over random layers the last source that says something
// holds, and all others are told as shadowed, in their order.
func TestOrderOfSources(t *testing.T) {
	keys := []string{"http.max_limit", "http.max_batch_ids", "demo.workers"}
	rapid.Check(t, func(t *rapid.T) {
		next := 1000
		model := map[string][]string{} // per key the values, the strongest first
		say := func(values map[string]string, key string) {
			next++
			values[key] = fmt.Sprint(next)
			model[key] = append([]string{values[key]}, model[key]...)
		}
		draw := func(name string) map[string]string {
			values := map[string]string{}
			for _, key := range keys[:2] {
				if rapid.Bool().Draw(t, name+" "+key) {
					say(values, key)
				}
			}
			return values
		}
		yamlOf := func(values map[string]string, indent string) string {
			text := ""
			for _, key := range keys {
				if v, ok := values[key]; ok {
					text += indent + key + ": " + v + "\n"
				}
			}
			return text
		}
		root, base := draw("extended"), draw("base")
		section, own, overlay := draw("section"), draw("own file"), draw("overlay")
		database, variables, flagged, runtime := draw("database"), draw("variables"), draw("flags"), draw("runtime")
		files := map[string]string{
			"root.yml":         yamlOf(root, ""),
			"t.yml":            "extends: root.yml\n" + yamlOf(base, "") + "production:\n" + yamlOf(section, "  ") + "overlays:\n- when: {environment: production}\n" + yamlOf(overlay, "  "),
			"t.production.yml": yamlOf(own, ""),
		}
		s := Sources{File: "t.yml", Environment: "production", Database: map[string]Value{}, Runtime: map[string]Value{},
			Flags: pflag.NewFlagSet("test", pflag.ContinueOnError), ReadFile: func(path string) ([]byte, error) { return []byte(files[path]), nil }}
		AddFlags(s.Flags)
		for key, v := range database {
			s.Database[key] = Value{Text: v}
		}
		for key, v := range runtime {
			s.Runtime[key] = Value{Text: v}
		}
		for key, v := range variables {
			o, _ := Lookup(key)
			s.Environ = append(s.Environ, o.Env+"="+v)
		}
		for key, v := range flagged {
			o, _ := Lookup(key)
			if err := s.Flags.Set(o.Flags[0], v); err != nil {
				t.Fatal(err)
			}
		}
		loaded, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			var got []string
			for _, setting := range loaded.Settings(key) {
				got = append(got, setting.Value)
			}
			o, _ := Lookup(key)
			if diff := cmp.Diff(append(model[key], o.Default), got); diff != "" {
				t.Fatalf("%s: %s", key, diff)
			}
			if loaded.Config.Text(key) != got[0] {
				t.Fatalf("%s is %s", key, loaded.Config.Text(key))
			}
		}
	})
}

// TestMostSpecificHolds: for random workflows, the value whose selector names
// the most telling part holds, whatever the order in which they are given.
func TestMostSpecificHolds(t *testing.T) {
	name := rapid.SampledFrom([]string{"", "a", "b/c"})
	selectors := rapid.Custom(func(t *rapid.T) Selector {
		return Selector{name.Draw(t, "namespace"), name.Draw(t, "name"), name.Draw(t, "version"), name.Draw(t, "step")}
	})
	rapid.Check(t, func(t *rapid.T) {
		b := new(Builder).Set("maintenance.quiet_period", time.Minute)
		values := map[Selector]time.Duration{}
		for i, s := range rapid.SliceOf(selectors).Draw(t, "selectors") {
			if s == (Selector{}) {
				continue
			}
			values[s] = time.Duration(i+100) * time.Second
			b.For(s, "maintenance.quiet_period", values[s])
			again, err := ParseSelector(s.String())
			if err != nil || again != s {
				t.Fatalf("%+v is written %s and read as %+v, %v", s, s, again, err)
			}
		}
		loaded, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		w := selectors.Draw(t, "workflow")
		// By the words of the documentation: step, then version, name, namespace.
		want, best := time.Minute, ""
		for s, v := range values {
			is := func(part, name string) string {
				switch part {
				case "":
					return "0"
				case name:
					return "1"
				}
				return "x"
			}
			score := is(s.Step, w.Step) + is(s.Version, w.Version) + is(s.Name, w.Name) + is(s.Namespace, w.Namespace)
			matches := true
			for _, c := range score {
				matches = matches && c != 'x'
			}
			if matches && score > best {
				want, best = v, score
			}
		}
		c := loaded.For(w)
		if c.Maintenance.QuietPeriod != want {
			t.Fatalf("%+v: got %s, want %s", w, c.Maintenance.QuietPeriod, want)
		}
		if got := loaded.SettingFor("maintenance.quiet_period", w).Value; got != printDuration(want) {
			t.Fatalf("%+v: told is %s, want %s", w, got, want)
		}
	})
}

func TestRulesHoldForEveryWorkflow(t *testing.T) {
	registerAudit(t)
	_, err := new(Builder).Set("audit.limits.most", 10*MiB).
		For(Selector{Namespace: "payments"}, "audit.limits.least", 2*MiB).
		For(Selector{Name: "refund"}, "audit.limits.most", MiB).
		Build()
	want := `configuration: audit.limits.least@payments/*/*: "2MiB" (Builder) must not be above audit.limits.most; audit.limits.most is 1MiB (Builder)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestDiff(t *testing.T) {
	a, err := new(Builder).Set("http.max_wait", 2*time.Second).Set("database.url", Secret("postgres://a:geheim@h/d")).Build()
	if err != nil {
		t.Fatal(err)
	}
	b, err := new(Builder).Set("database.url", Secret("postgres://b:geheim@h/d")).For(Selector{Name: "refund"}, "maintenance.quiet_period", time.Hour).Build()
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{"database.url", Setting{"database.url", "********", LayerRuntime, "Builder"}, Setting{"database.url", "********", LayerRuntime, "Builder"}},
		{"maintenance.quiet_period@*/refund/*", Setting{"maintenance.quiet_period", "1m", LayerDefault, "default"}, Setting{"maintenance.quiet_period@*/refund/*", "1h", LayerRuntime, "Builder"}},
		{"http.max_wait", Setting{"http.max_wait", "2s", LayerRuntime, "Builder"}, Setting{"http.max_wait", "5s", LayerDefault, "default"}},
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Error(diff)
	}
}

func TestMigrate(t *testing.T) {
	old := "# ours\nversion: 0 # once\nhttp:\n  address: \"127.0.0.1:9000\"   # the API\n  max_wait_ms: 100\nproduction: {http.address: 127.0.0.1:9001}\n"
	want := "# ours\nversion: 1 # once\nhttp:\n  listen: \"127.0.0.1:9000\"   # the API\n  max_wait: 100ms\nproduction: {http.listen: 127.0.0.1:9001}\n"
	got, err := Migrate("t.yml", []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	again, err := Migrate("t.yml", got)
	if err != nil || string(again) != want {
		t.Errorf("a second time: %q, %v", again, err)
	}
	read := func(text string) *Loaded {
		l, err := Load(Sources{File: "t.yml", Environment: "production", ReadFile: func(path string) ([]byte, error) {
			if path == "t.yml" {
				return []byte(text), nil
			}
			return nil, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if changes := Diff(read(old), read(want)); len(changes) > 0 {
		t.Errorf("they mean different things: %+v", changes)
	}
	if w := read(old).Warnings; len(w) != 1 {
		t.Errorf("warnings: %q", w)
	}
}
