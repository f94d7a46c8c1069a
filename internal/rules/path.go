package rules

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// reach is how much of a folder a use of it touches.
type reach uint8

const (
	itself reach = iota // a file, or what a tool names as one
	within              // a folder, or what is in it
	deeply              // and all below it
)

// use is a path that a request reads or writes.
type use struct {
	path  []piece
	reach reach
}

// pathRule matches Read(pattern) and Edit(pattern), for the file that a tool
// names and those that a command reads or writes.
func pathRule(s string, r permit.Request, w World) bool {
	tool, pattern, _ := strings.Cut(s, ":")
	var uses []use
	var starts folders
	if r.Cwd != "" {
		starts = folders{r.Cwd}
	}
	switch {
	case slices.Contains(family[tool], r.Tool):
		how := searches[r.Tool]
		for _, name := range []string{"file_path", "notebook_path", "path"} {
			if p, ok := text(r, name); ok {
				uses = append(uses, use{named(p, w.Home), how})
			}
		}
		if len(uses) == 0 && tool == "Read" {
			uses = append(uses, use{[]piece{{text: "."}}, how}) // a search of the current folder
		}
	case slices.Contains(family["Bash"], r.Tool):
		text, ok := text(r, "command")
		if !ok {
			return false
		}
		l, ok := read(text, w.Home)
		if !ok {
			return true
		}
		reads, writes := l.files()
		if uses = reads; tool == "Edit" {
			uses = writes
		}
		starts = l.folders(starts)
		if strings.Contains(strings.ReplaceAll(text, "...", ""), "..") {
			uses = astray(uses)
		}
	}
	wants := anchored(pattern, r, w)
	for _, u := range uses {
		for _, have := range starts.of(u.path, w.Resolve) {
			for _, want := range wants {
				if want.match(have, u.reach) {
					return true
				}
			}
		}
	}
	return false
}

// named is a path as a tool is given it.
func named(path, home string) []piece {
	switch rest, ok := strings.CutPrefix(path, "~"); {
	case path == "":
		path = "."
	case ok && (rest == "" || rest[0] == '/') && home == "":
		return []piece{{kind: unknown}}
	case ok && (rest == "" || rest[0] == '/'):
		path = home + rest
	}
	return []piece{{text: path}}
}

// searches are the tools that are given a folder.
var searches = map[string]reach{"Grep": deeply, "Glob": deeply, "LS": within}

// astray are the same uses in a line that has "..": what the shell puts into a
// path may lead anywhere then.
func astray(uses []use) []use {
	out := slices.Clone(uses)
	for i, u := range out {
		if slices.ContainsFunc(u.path, func(p piece) bool { return p.kind == unknown }) {
			out[i].path = []piece{{kind: unknown}}
		}
	}
	return out
}

// segment is what stands between two slashes of a path.
type segment struct {
	text string  // if it is told
	open []token // if it is told in part
	any  bool    // any number of segments
}

// folders are those that a relative path may start from; nil: any.
type folders []string

func segments(abs string) []segment {
	var out []segment
	for s := range strings.SplitSeq(filepath.ToSlash(abs), "/") {
		if s != "" {
			out = append(out, segment{text: s})
		}
	}
	return out
}

// of is where a path may lead: from each folder, and through links.
func (from folders) of(pieces []piece, resolve func(string) string) [][]segment {
	head := ""
	if len(pieces) > 0 && pieces[0].kind == literal {
		head = pieces[0].text
	}
	if len(pieces) == 0 || len(pieces) == 1 && head == "" && pieces[0].kind == literal {
		return nil
	}
	starts := []string{"/"}
	switch {
	case filepath.IsAbs(head):
	case pieces[0].kind == unknown || from == nil:
		return [][]segment{append([]segment{{any: true}}, tail(pieces)...)}
	default:
		starts = from
	}
	// The folder that is told can be cleaned and its links followed.
	rest := []segment(nil)
	if len(pieces) > 1 || pieces[0].kind != literal {
		n := strings.LastIndexByte(head, '/') + 1
		open := append([]piece{{text: head[n:]}}, pieces[1:]...)
		if pieces[0].kind != literal {
			open = pieces
		}
		head, rest = head[:n], tail(open)
	}
	var out [][]segment
	for _, start := range starts {
		abs := filepath.Clean(head)
		if !filepath.IsAbs(abs) {
			if start == "" {
				continue
			}
			abs = filepath.Join(start, head)
		}
		out = append(out, append(segments(abs), rest...))
		if resolve == nil {
			continue
		}
		ends := []string{resolve(abs)}
		if strings.Contains(head, "..") {
			ends = append(ends, walked(start, head, resolve))
		}
		for _, end := range ends {
			if end != abs {
				out = append(out, append(segments(end), rest...))
			}
		}
	}
	return out
}

// walked is where a path leads a program that follows the links on its way
// before it goes up.
func walked(start, path string, resolve func(string) string) string {
	at := "/"
	if !filepath.IsAbs(path) {
		at = resolve(start)
	}
	for s := range strings.SplitSeq(path, "/") {
		switch s {
		case "", ".":
		case "..":
			at = filepath.Dir(at)
		default:
			at = resolve(filepath.Join(at, s))
		}
	}
	return at
}

// tail are the segments of a path that is told in part.
func tail(pieces []piece) []segment {
	out := []segment{{}}
	for _, p := range pieces {
		last := &out[len(out)-1]
		switch p.kind {
		case literal:
			for i, s := range strings.Split(p.text, "/") {
				if i > 0 {
					out = append(out, segment{})
				}
				last = &out[len(out)-1]
				last.open = append(last.open, signs(s)...)
			}
		case names:
			last.open = append(last.open, token{kind: anyText})
		default:
			last.any = true
		}
	}
	out = slices.DeleteFunc(out, func(s segment) bool { return !s.any && len(s.open) == 0 })
	for _, s := range out {
		if !s.any && slices.Equal(s.open, signs("..")) {
			return []segment{{any: true}}
		}
	}
	return out
}

// wanted is a pattern from the root of the disk.
type wanted struct {
	folder  []segment
	pattern []string
}

// anchored gives a pattern from where Claude Code's anchors have it start.
func anchored(pattern string, r permit.Request, w World) []wanted {
	rest, dirs, deep := strings.TrimPrefix(pattern, "./"), []string{r.Cwd, project(r)}, true
	switch {
	case strings.HasPrefix(pattern, "//"):
		rest, dirs, deep = pattern[2:], []string{"/"}, false
	case strings.HasPrefix(pattern, "~/"):
		rest, dirs, deep = pattern[2:], []string{w.Home}, false
	case strings.HasPrefix(pattern, "/"):
		rest, dirs, deep = pattern[1:], []string{project(r), r.Cwd}, false
	}
	rest = strings.TrimSuffix(rest, "/")
	// A pattern of one segment matches at any depth, as in gitignore, and so
	// does "name/**", as in Claude Code's ask and deny rules.
	if deep && !strings.Contains(strings.TrimSuffix(rest, "/**"), "/") {
		rest = "**/" + rest
	}
	var out []wanted
	for _, dir := range dirs {
		if dir != "" {
			out = append(out, wanted{segments(filepath.Clean(dir)), strings.Split(rest, "/")})
		}
	}
	return out
}

// project is the folder above the current one that has the project's name.
func project(r permit.Request) string {
	for dir := filepath.Clean(r.Cwd); filepath.IsAbs(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if filepath.Base(dir) == r.Project {
			return dir
		}
	}
	return r.Cwd
}

// match reports whether the pattern may match a path: the path itself, or a
// folder that it is in; with more reach also what is in the path.
func (w wanted) match(have []segment, reach reach) bool {
	total := len(w.folder) + len(w.pattern)
	deep := func(i int) bool { return i >= len(w.folder) && w.pattern[i-len(w.folder)] == "**" }
	one := func(i int, h segment) bool {
		if i < len(w.folder) {
			return h.open == nil && h.text == w.folder[i].text || h.open != nil && meet(signs(w.folder[i].text), h.open)
		}
		pattern := w.pattern[i-len(w.folder)]
		if h.open == nil {
			ok, err := path.Match(pattern, h.text)
			return ok && err == nil
		}
		return meet(loose(pattern), h.open)
	}
	// at[i][n] says that what precedes i in the pattern matches what precedes n.
	at := make([][]bool, total+1)
	for i := range at {
		at[i] = make([]bool, len(have)+1)
	}
	at[0][0] = true
	for i := range total {
		for n, ok := range at[i] {
			if !ok {
				continue
			}
			more := n < len(have)
			if deep(i) {
				// Any number of segments; at the end of a pattern at least one.
				if i < total-1 {
					at[i+1][n] = true
				}
				if more {
					at[i][n+1], at[i+1][n+1] = true, true
				}
			}
			if more && have[n].any {
				at[i][n+1], at[i+1][n], at[i+1][n+1] = true, true, true
			} else if more && one(i, have[n]) {
				at[i+1][n+1] = true
			}
		}
	}
	if slices.Contains(at[total][1:], true) {
		return true
	}
	// What is in the folder may be matched by what is left of the pattern. Of a
	// pattern that matches at any depth too much would be.
	anywhere := deep(len(w.folder))
	for i := range total {
		switch {
		case !at[i][len(have)]:
		case i == total-1 && deep(i) && reach >= within, reach == deeply && (i < len(w.folder) || !anywhere):
			return true
		}
	}
	return false
}

// loose is a pattern of gitignore's on one segment as parts that match at
// least as much.
func loose(pattern string) []token {
	var out []token
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '[':
			return append(out, token{kind: anyText})
		case '*', '?':
			out = append(out, token{kind: anyText})
		case '\\':
			if i++; i < len(pattern) {
				out = append(out, token{c: pattern[i]})
			}
		default:
			out = append(out, token{c: pattern[i]})
		}
	}
	return out
}

func checkPath(s string) error {
	if strings.HasPrefix(s, "!") {
		return fmt.Errorf("a pattern that begins with ! is not supported")
	}
	for segment := range strings.SplitSeq(s, "/") {
		if _, err := path.Match(segment, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", segment, err)
		}
	}
	return nil
}
