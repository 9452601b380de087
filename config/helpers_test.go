package config

import (
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func quoteYAML(s string) string {
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s}
	text, err := yaml.Marshal(&node)
	if err != nil {
		panic(err)
	}
	return string(text[:len(text)-1])
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1024": KiB, "512MiB": 512 * MiB, "1GiB": GiB, "1 GiB": GiB, "7B": 7, "8388607TiB": 8388607 * TiB,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "GiB", "1.5GiB", "1GB", "1g", "1kB", "9223372036854775808", "8388608TiB", "x", "1GiBGiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: got %d, an error was expected", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64().Draw(t, "size"))
		if again, err := ParseSize(s.String()); err != nil || again != s {
			t.Fatalf("%d prints as %s and reads as %d, %v", s, s, again, err)
		}
	})
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Minute: "1h30m",
		time.Hour + time.Second: "1h0m1s", 10 * time.Second: "10s", 250 * time.Millisecond: "250ms",
	} {
		if got := printDuration(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, text := range []string{"", "ten", "1.5", "9223372037", "1d"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %v, an error was expected", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64().Draw(t, "duration"))
		if again, err := parseDuration(printDuration(d)); err != nil || again != d {
			t.Fatalf("%d prints as %s and reads as %v, %v", d, printDuration(d), again, err)
		}
	})
}

func TestNearest(t *testing.T) {
	known := table().keys
	for name, want := range map[string]string{
		"http.listn": "http.listen", "htpp.listen": "http.listen", "listen": "http.listen", "http.max-limit": "http.max_limit",
		"database.uri": "database.url", "slot_prefix": "replication.slot_prefix", "something.else.entirely": "", "x": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
