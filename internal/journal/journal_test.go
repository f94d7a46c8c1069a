package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

func record(i int) permit.Record {
	return permit.Record{Kind: permit.RecordEnded, Request: fmt.Sprint("r", i), At: time.Unix(int64(i), 0).UTC(),
		Outcome: &permit.Outcome{Kind: permit.Denied, Decision: &permit.Decision{Verb: permit.Deny, By: permit.Person{ID: "alice"}, Message: "a \"quoted\" <message>"}}}
}

func mustOpen(t *testing.T, dir string, max int64) Opened {
	t.Helper()
	o, err := open(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func write(t *testing.T, j *Journal, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := j.Append([]permit.Record{record(i)}, i%3 == 0); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir string) []permit.Record {
	t.Helper()
	var all []permit.Record
	if err := Read(dir, func(l Line) bool { all = append(all, l.Record); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, dir, MaxSize)
	write(t, o.Journal, 0, 10)
	want := []permit.Record{}
	for i := range 10 {
		want = append(want, record(i))
	}
	if diff := cmp.Diff(want, read(t, dir)); diff != "" {
		t.Error(diff)
	}
	if report, err := Verify(dir); err != nil || report.Lines != 10 || report.FirstSeq != 1 {
		t.Errorf("verify while it is written: %+v, %v", report, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, dir, MaxSize)
	if diff := cmp.Diff(want, again.Records); diff != "" {
		t.Error(diff)
	}
	write(t, again.Journal, 10, 12)
	if report, err := Verify(dir); err != nil || report.Lines != 12 {
		t.Errorf("verify after reopening: %+v, %v", report, err)
	}
	if info, err := os.Stat(filepath.Join(dir, current)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, MaxSize)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another daemon writes it") {
		t.Errorf("a second writer: %v", err)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, dir, 2000)
	write(t, o.Journal, 0, 30)
	files, err := rotatedFiles(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	if n := len(read(t, dir)); n != 30 {
		t.Errorf("%d records across files, want 30", n)
	}
	if report, err := Verify(dir); err != nil || report.Lines != 30 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, dir, 2000)
	if n := len(again.Records); n < 6 || again.Records[n-1].Request != "r29" {
		t.Errorf("%d records at the start, the last of %s", n, again.Records[n-1].Request)
	}
	write(t, again.Journal, 30, 31)
	if _, err := Verify(dir); err != nil {
		t.Errorf("the chain does not go on after reopening: %v", err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if report, err := Verify(dir); err != nil || report.FirstSeq == 1 {
		t.Errorf("with the oldest file gone: %+v, %v", report, err)
	}
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	files, _ = rotatedFiles(dir)
	if len(files) > 1 {
		if err := os.Remove(files[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(dir); err == nil {
			t.Error("a file in the middle is gone, and nobody said so")
		}
	}
}

// TestReadWhileItRotates: whoever reads finds a whole chain at any moment, also
// when the file is renamed meanwhile.
func TestReadWhileItRotates(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, dir, 1500)
	var writing sync.WaitGroup
	defer writing.Wait()
	stop := make(chan struct{})
	defer close(stop)
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond): // far faster than people are
			}
			if err := o.Append([]permit.Record{record(i)}, false); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 200 {
		if _, err := Verify(dir); err != nil {
			t.Fatal(err)
		}
		if files, _ := rotatedFiles(dir); len(files) > 20 {
			for _, old := range files[:15] {
				if err := os.Remove(old); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestEveryTruncation: a crash can leave any prefix of the file.
func TestEveryTruncation(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, dir, MaxSize)
	write(t, o.Journal, 0, 3)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, current))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, current), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(torn); err != nil {
			t.Fatalf("%d bytes: verify before the repair: %v", n, err)
		}
		o, err := Open(torn)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if lines := bytes.Count(whole[:n], []byte("\n")); len(o.Records) != lines {
			t.Fatalf("%d bytes: %d records, want %d", n, len(o.Records), lines)
		}
		if wasTorn := n > 0 && whole[n-1] != '\n'; (o.Repaired != "") != wasTorn {
			t.Fatalf("%d bytes: repaired %q", n, o.Repaired)
		}
		write(t, o.Journal, 4, 5)
		if _, err := Verify(torn); err != nil {
			t.Fatalf("%d bytes: after the repair: %v", n, err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTamperingIsFound(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, dir, MaxSize)
	write(t, o.Journal, 0, 5)
	path := filepath.Join(dir, current)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"a word changed", bytes.Replace(whole, []byte(`"denied"`), []byte(`"approved"`), 1), "line 1 (byte 0), sequence number 1: it was changed"},
		{"a line removed", join(lines[0], lines[2], lines[3]), "line 2 (byte"},
		{"two lines swapped", join(lines[0], lines[2], lines[1], lines[3]), "sequence number 3: it follows number 1"},
		{"a line doubled", join(lines[0], lines[0], lines[1]), "sequence number 1: it follows number 1"},
		{"nonsense", join(lines[0], []byte("hello\n"), lines[1]), "line 2 (byte " + fmt.Sprint(len(lines[0])) + "): it is not a line"},
		{"a hash taken off", bytes.Replace(whole, []byte(`,"hash":`), []byte(`,"cash":`), 1), "it was changed"},
		{"another version", bytes.Replace(whole, []byte(`{"v":1`), []byte(`{"v":2`), 1), "of version 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("verify: %v, want %q", err, tt.want)
			}
		})
	}
}

// Every single byte that is changed is found, wherever it is.
func TestEveryChangedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, dir, MaxSize)
	write(t, o.Journal, 0, 2)
	path := filepath.Join(dir, current)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(whole) - 1 { // the last newline makes the line a torn one
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(dir); err == nil {
			t.Fatalf("byte %d changed from %q to %q, and nobody noticed", i, whole[i], changed[i])
		}
	}
}

func TestMissing(t *testing.T) {
	if err := Read(t.TempDir(), func(Line) bool { t.Error("a line from nowhere"); return true }); err != nil {
		t.Error(err)
	}
	if report, err := Verify(t.TempDir()); err != nil || report.Lines != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// FuzzOpen: whatever is in the file, opening and verifying end in order, and
// what is appended afterwards can be read.
func FuzzOpen(f *testing.F) {
	line, _, _ := seal(Line{V: 1, Seq: 1, Record: record(1)})
	f.Add(line)
	f.Add([]byte("{}\nnull\n[]\n\"\n"))
	f.Add(bytes.Repeat([]byte("x"), 100))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, current), content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = Verify(dir)
		o, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if err := o.Append([]permit.Record{record(7)}, false); err != nil {
			t.Fatal(err)
		}
	})
}
