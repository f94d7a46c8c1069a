package rules

import (
	"path/filepath"
	"slices"
	"strings"
)

// access is what a command does with the files it is given.
type access uint8

const (
	reads access = 1 << iota
	writes
	guessed // it is not known: only words that look like paths are taken for files
)

// known is what the commands do that this program knows.
var known = commandsOf(map[access]string{
	0: "echo printf cd pushd popd true false test [ type which command kill sleep date pwd exit return set unset alias export read wait jobs trap eval basename dirname seq" +
		" xargs parallel sudo doas pkexec su env nice ionice nohup setsid stdbuf time timeout exec builtin watch",
	reads: "cat bat tac rev head tail less more grep egrep fgrep rg ag ack diff cmp comm join paste wc ls tree du df stat file md5sum sha1sum sha256sum sha512sum cksum b2sum" +
		" hexdump xxd od strings nl cut fold column base64 jq awk gawk mawk readlink realpath source . sh bash zsh dash ksh fish find fd fdfind sed",
	writes:          "rm rmdir unlink shred mkdir touch tee truncate chmod chown chgrp mkfifo mknod trash srm",
	reads | guessed: "pytest mypy shellcheck make",
	reads | writes:  "cp mv install ln rsync scp dd sort uniq split tar zip unzip gzip gunzip xz patch vi vim nano ed ex emacs code",
})

func commandsOf(m map[access]string) map[string]access {
	out := make(map[string]access)
	for a, names := range m {
		for name := range set(names) {
			out[name] = a
		}
	}
	return out
}

// recursive are the options by which commands go into folders; "" for those
// that always do.
var recursive = map[string]string{
	"rm": "rR", "cp": "rRa", "scp": "r", "rsync": "ra", "chmod": "R", "chown": "R", "chgrp": "R", "grep": "rR", "egrep": "rR", "fgrep": "rR", "diff": "r", "zip": "r", "ls": "R",
	"mv": "", "trash": "", "rg": "", "ag": "", "ack": "", "find": "", "fd": "", "fdfind": "", "tree": "", "du": "", "tar": "",
}

// inCurrent are the commands that look at the current folder if they are given none.
var inCurrent = set("ls tree du rg ag ack find fd fdfind")

// lastWritten are the commands that write the last file they are given.
var lastWritten = set("cp install ln rsync scp mv")

// files are the files that a line reads and writes, as far as it tells: those
// of redirections, and the words of its commands.
func (l line) files() (read, written []use) {
	for _, c := range l.calls {
		for _, w := range c.read {
			read = append(read, use{w.pieces, itself})
		}
		for _, w := range c.wrote {
			written = append(written, use{w.pieces, within})
		}
	}
	for _, r := range l.runs {
		if !r.sure {
			continue
		}
		does, how := accessOf(r.words)
		words := r.words[1:]
		name, _ := r.words[0].base().told()
		if inCurrent[name] || how == deeply && strings.HasSuffix(name, "grep") {
			read = append(read, use{[]piece{{text: "."}}, how})
		}
		operands := slices.DeleteFunc(slices.Clone(words), word.isOption)
		var into [][]piece // the folder of cp -t
		for _, w := range words {
			if strings.HasPrefix(w.head(), "-t") || strings.HasPrefix(w.head(), "--target") {
				into = pathsIn(w, false)
				if len(operands) > 0 {
					into = append(into, operands[0].pieces)
				}
			}
		}
		for i, w := range words {
			does := does
			if runsScript[name] && i == firstOperand(words) {
				does = reads
			}
			if lastWritten[name] && into == nil && len(operands) > 1 {
				last := i == lastOperand(words)
				switch {
				case last && !w.splits:
					does = writes
				case !last && name != "mv":
					does = reads
				}
			}
			for _, path := range pathsIn(w, does&guessed != 0) {
				if does&reads != 0 {
					read = append(read, use{path, how})
				}
				if does&writes != 0 {
					written = append(written, use{path, how})
				}
			}
		}
		if lastWritten[name] && len(operands) > 0 {
			if into == nil {
				into = [][]piece{operands[len(operands)-1].pieces}
			}
			written = append(written, putInto(into, operands)...)
		}
	}
	return read, written
}

// accessOf is what a command does with the files it is given.
func accessOf(words []word) (access, reach) {
	name, _ := words[0].base().told()
	does, ok := known[name]
	if !ok {
		does = reads | writes | guessed
	}
	var options strings.Builder
	for i, w := range words[1:] {
		text := w.head()
		switch {
		case strings.HasPrefix(text, "--recursive") || text == "--archive":
			options.WriteString("ra")
		case w.isOption() && !strings.HasPrefix(text, "--"):
			options.WriteString(text[1:])
		}
		switch {
		case name == "sed" && (strings.HasPrefix(text, "-") && strings.Contains(text, "i") || strings.HasPrefix(text, "--in-place")),
			finds[name] && (text == "-delete" || execs[text] && changes(words[i+2:]) || strings.HasPrefix(text, "-fprint") || text == "-fls"),
			strings.HasPrefix(name, "awk") && text == "-i":
			does |= writes
		case name == "git" && !w.isOption() && readsOnly[text]:
			does &^= writes
		}
	}
	how := within
	if letters, ok := recursive[name]; ok && (letters == "" || strings.ContainsAny(options.String(), letters)) {
		how = deeply
	}
	return does, how
}

// changes reports whether a command may write the files it is given.
func changes(words []word) bool {
	if len(words) == 0 {
		return false
	}
	name, _ := words[0].base().told()
	does, ok := known[name]
	return !ok || does&writes != 0 || wraps(name)
}

// readsOnly are the commands of git that leave the files of the work tree.
var readsOnly = set("status log diff show blame add commit ls-files ls-tree grep rev-parse branch fetch push tag remote describe cat-file rev-list shortlog reflog")

// runsScript are the commands of which the first file is only read.
var runsScript = set("python python2 python3 node ruby php deno bun lua Rscript")

func firstOperand(words []word) int {
	return slices.IndexFunc(words, func(w word) bool { return !w.isOption() })
}

func lastOperand(words []word) int {
	for i, w := range slices.Backward(words) {
		if !w.isOption() {
			return i
		}
	}
	return -1
}

// putInto are the files as they are named in the folders they are put into.
func putInto(folders [][]piece, files []word) []use {
	var out []use
	for _, folder := range folders {
		for _, file := range files {
			path := append(slices.Clone(folder), piece{text: "/"})
			out = append(out, use{merged(append(path, file.base().pieces...)), itself})
		}
	}
	return out
}

// merged are pieces without literals in a row.
func merged(pieces []piece) []piece {
	var s speller
	for _, p := range pieces {
		if p.kind == literal {
			s.literal(p.text)
		} else {
			s.put(p.kind)
		}
	}
	return s.word.pieces
}

// maxSigns is how many of the signs are looked at that set a path off.
const maxSigns = 32

// pathsIn are the paths that a word may stand for: itself, and what stands
// behind or between the signs that set a path off from something else. Of a
// word that may be none at all (with guess) it must look like one.
func pathsIn(w word, guess bool) [][]piece {
	if slices.ContainsFunc(w.pieces, func(p piece) bool { return p.kind == found }) {
		return nil // find's own folders are looked at
	}
	var out [][]piece
	add := func(pieces []piece) {
		if len(pieces) > 0 && (!guess || looksLikePath(pieces)) {
			out = append(out, pieces)
		}
	}
	if !w.isOption() {
		add(w.pieces)
	} else if head := w.head(); head[1:] != "" && head[1] != '-' { // -o/etc/x, -ofile
		add(merged(append([]piece{{text: head[min(2, len(head)):]}}, w.pieces[1:]...)))
		if n := strings.IndexByte(head, '/'); n > 0 {
			add(merged(append([]piece{{text: head[n:]}}, w.pieces[1:]...)))
		}
	}
	signs := 0
	for i, p := range w.pieces {
		for n := range len(p.text) {
			if strings.IndexByte("=@:,", p.text[n]) < 0 {
				continue
			}
			if signs++; signs > maxSigns {
				return append(out, []piece{{kind: unknown}})
			}
			rest := merged(append([]piece{{text: p.text[n+1:]}}, w.pieces[i+1:]...))
			add(rest)
			if field := upTo(rest); len(field) < len(rest) || len(field) > 0 && field[len(field)-1] != rest[len(rest)-1] {
				add(field)
			}
			if i == 0 && n > 0 && !w.isOption() {
				add([]piece{{text: p.text[:n]}})
			}
		}
	}
	return out
}

// upTo are the pieces up to a sign that sets a path off.
func upTo(pieces []piece) []piece {
	var out []piece
	for _, p := range pieces {
		if n := strings.IndexAny(p.text, "=@:,"); n >= 0 {
			if n > 0 {
				out = append(out, piece{text: p.text[:n]})
			}
			return out
		}
		out = append(out, p)
	}
	return out
}

func looksLikePath(pieces []piece) bool {
	return slices.ContainsFunc(pieces, func(p piece) bool { return p.kind == literal && strings.ContainsAny(p.text, "/.") }) ||
		pieces[0].kind == names
}

// maxFolders is how many folders a line may lead to.
const maxFolders = 64

// folders are those in which the commands of a line may run: where it starts,
// and where each cd may lead from any of them; nil: any.
func (l line) folders(start folders) folders {
	if start == nil {
		return nil
	}
	out := slices.Clone(start)
	for _, r := range l.runs {
		name, _ := r.words[0].base().told()
		if !r.sure || name != "cd" && name != "pushd" {
			continue
		}
		for _, w := range r.words[1:] {
			text, ok := w.told()
			switch {
			case text == "-" || ok && w.isOption():
			case !ok || len(out) > maxFolders:
				return nil
			case filepath.IsAbs(text):
				out = append(out, filepath.Clean(text))
			default:
				for _, from := range slices.Clone(out) {
					out = append(out, filepath.Join(from, text))
				}
			}
		}
		if len(r.words) == 1 && l.known.home != "" {
			out = append(out, l.known.home)
		}
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}
