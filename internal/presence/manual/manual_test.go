package manual_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence/manual"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *manual.Hand {
	t.Helper()
	h, err := manual.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOverrideLastsAndEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "override.json")
	h := open(t, path)
	if o := h.At(now); o != nil {
		t.Fatalf("begins with %+v", o)
	}
	if err := h.Set(permit.Away, time.Hour, now); err != nil {
		t.Fatal(err)
	}
	if err := h.Set(permit.Away, 2*time.Hour, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*manual.Hand{h, open(t, path)} {
		end := now.Add(2*time.Hour + time.Minute)
		o := h.At(end.Add(-1))
		if o == nil || o.State != permit.Away || !o.Since.Equal(now) || !o.Until.Equal(end) {
			t.Errorf("override %+v, want away since %v until %v", o, now, end)
		}
		if o := h.At(end); o != nil {
			t.Errorf("at its end it still holds: %+v", o)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v, %v; want 0600", info.Mode(), err)
	}
	if err := h.Set(permit.Present, 0, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if o := open(t, path).At(now.AddDate(1, 0, 0)); o == nil || o.State != permit.Present || !o.Since.Equal(now.Add(time.Hour)) {
		t.Errorf("override without an end: %+v", o)
	}
	for range 2 {
		if err := h.Clear(); err != nil {
			t.Fatal(err)
		}
	}
	if o := open(t, path).At(now); o != nil {
		t.Errorf("after auto: %+v", o)
	}
}

func TestRefusals(t *testing.T) {
	h := open(t, "")
	if err := h.Set(permit.Unsure, 0, now); err == nil {
		t.Error("unknown can be set by hand")
	}
	if err := h.Set(permit.Away, -time.Second, now); err == nil {
		t.Error("a time that is over can be set")
	}
	if o := h.At(now); o != nil {
		t.Errorf("a refused override holds: %+v", o)
	}
}

// A damaged file must not keep the daemon from starting, nor count.
func TestDamagedFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"state":"unknown"}`, `{"state":"away","until":7}`, `[]`} {
		path := filepath.Join(t.TempDir(), "override.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := manual.Open(path)
		if err == nil {
			t.Errorf("%q: no error", text)
		}
		if o := h.At(now); o != nil {
			t.Errorf("%q counts: %+v", text, o)
		}
		if err := h.Set(permit.Away, 0, now); err != nil || open(t, path).At(now) == nil {
			t.Errorf("%q cannot be replaced: %v", text, err)
		}
	}
}

// What cannot be saved still holds, and is said.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := manual.Open(filepath.Join(file, "override.json"))
	if err == nil {
		t.Error("Open says nothing of a folder that is a file")
	}
	if err := h.Set(permit.Away, 0, now); err == nil {
		t.Error("Set says nothing of it")
	}
	if o := h.At(now); o == nil || o.State != permit.Away {
		t.Errorf("override %+v", o)
	}
}
