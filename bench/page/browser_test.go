package page

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// browser is the program that opens pages.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("neither chromium nor google-chrome is in the PATH: on Debian and Ubuntu, apt-get install chromium; elsewhere, see CONTRIBUTING.md")
	return ""
}

// open opens a page, and gives its document after loading and what the console
// was told.
func open(t *testing.T, page []byte, flags ...string) (document, console string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--enable-logging=stderr", "--dump-dom",
	}, append(flags, (&url.URL{Scheme: "file", Path: file}).String())...)
	command := exec.CommandContext(ctx, browser(t), args...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	for line := range strings.Lines(errs.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console += line
		}
	}
	return out.String(), console
}

// measure is appended to a page: it writes into the document what can be seen.
const measure = `<script>
const drawn = [...document.querySelectorAll("figure svg")].filter(s => {
  const box = s.getBoundingClientRect();
  return box.width > 100 && box.height > 30 && s.querySelectorAll("path").length > 3 && s.querySelectorAll("text").length > 1 && s.querySelector("title").textContent && s.querySelector("desc").textContent;
}).length;
const style = getComputedStyle(document.body);
document.documentElement.dataset.seen = [drawn, document.querySelectorAll("svg").length, document.querySelectorAll("table").length, document.body.scrollWidth <= window.innerWidth,
  style.backgroundColor, style.color, [...document.querySelectorAll("svg path")].slice(0, 1).map(p => getComputedStyle(p).stroke)].join(" | ");
</script>`

var seen = regexp.MustCompile(`data-seen="([^"]*)"`)

// look opens a page and gives what is seen.
func look(t *testing.T, page []byte, flags ...string) []string {
	t.Helper()
	document, console := open(t, append(bytes.Clone(page), measure...), flags...)
	if console != "" {
		t.Errorf("the console was told: %s", console)
	}
	found := seen.FindStringSubmatch(document)
	if found == nil {
		t.Fatalf("the page was not loaded: %.500s", document)
	}
	return strings.Split(found[1], " | ")
}

func TestPagesInABrowser(t *testing.T) {
	for _, name := range []string{"report", "soak"} {
		t.Run(name, func(t *testing.T) {
			p := pages(t)[name]
			light := look(t, p.html)
			if light[0] != strconv.Itoa(p.plots) || light[1] != light[0] {
				t.Errorf("%s of %s plots can be seen; %d are expected", light[0], light[1], p.plots)
			}
			if tables, err := strconv.Atoi(light[2]); err != nil || tables == 0 {
				t.Errorf("there is no table: %v", light)
			}
			if light[3] != "true" {
				t.Errorf("the page is wider than its window: %v", light)
			}
			if name != "report" { // the style is the same
				return
			}
			dark := look(t, p.html, "--blink-settings=preferredColorScheme=0")
			if light[4] != "rgb(255, 255, 255)" || dark[4] == light[4] || dark[5] == light[5] || dark[6] == light[6] {
				t.Errorf("the page is the same in light (%v) and dark (%v)", light, dark)
			}
		})
	}
}

// TestConsoleIsWatched shows that an error of a page would be found.
func TestConsoleIsWatched(t *testing.T) {
	_, console := open(t, []byte(`<!DOCTYPE html><title>x</title><img src="nowhere.png"><script>nothing()</script>`))
	if !strings.Contains(console, "nothing is not defined") {
		t.Errorf("the console was told %q", console)
	}
}

func TestPageIsPrinted(t *testing.T) {
	target := filepath.Join(t.TempDir(), "page.pdf")
	open(t, pages(t)["report"].html, "--print-to-pdf="+target)
	printed, err := os.ReadFile(target)
	if err != nil || !bytes.HasPrefix(printed, []byte("%PDF-")) {
		t.Fatal(fmt.Errorf("%.20q: %w", printed, err))
	}
}
