package preview

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"claude-permission-daemon/internal/shellwords"
)

// maxDepth is how far sh -c inside sh -c is read. Beyond, a warning says that
// it was not.
const maxDepth = 6

// shell looks through a shell command for what the list of warnings names. It
// reads the command with a shell parser and follows it through sudo, env,
// xargs, find -exec, sh -c, eval and here-documents. It knows what stands in
// the text: a variable's value from elsewhere, a script's content or another
// language's program it does not.
func (d *drawing) shell(command string) {
	if command == "" {
		return
	}
	s := &shellReader{
		d: d, commands: commands, home: d.o.Home, cwd: d.r.Cwd,
		vars: make(map[string]string), tainted: make(map[string]bool), fetched: make(map[string]bool),
	}
	// The command is anybody's: a panic on it must not take the daemon down.
	defer func() {
		if recover() != nil {
			d.warn(notParsed, "the shell parser failed")
		}
	}()
	s.read(command, 0)
	s.finish(command)
}

// shellReader reads one command, with all that it starts.
type shellReader struct {
	d         *drawing
	commands  map[string]func(s *shellReader, args []arg, more bool)
	text      string // being read
	depth     int
	home, cwd string // cwd is "" where a cd leads who knows where
	vars      map[string]string
	tainted   map[string]bool // variables, and "&3" for descriptors, that hold what comes from the network
	fetched   map[string]bool // files that came from the network
	rounds    int             // so many turns of loops were looked at
	network   bool            // something uses the network
	dumped    string          // how the environment was printed
	creds     []string        // what credentials were read
}

// read parses text and looks at every command in it.
func (s *shellReader) read(text string, depth int) {
	if depth > maxDepth {
		s.d.warn(notParsed, "it is nested too deeply")
		return
	}
	file, err := shellwords.Parse(text)
	if err != nil {
		s.d.warn(notParsed, s.d.say(err.Error()))
		return
	}
	outer, outerDepth := s.text, s.depth
	s.text, s.depth = text, depth
	defer func() { s.text, s.depth = outer, outerDepth }()

	s.walk(file)
}

// walk looks at every command in a node.
func (s *shellReader) walk(root syntax.Node) {
	// What a subshell changes does not outlive it.
	var saved []*string
	syntax.Walk(root, func(n syntax.Node) bool {
		if n == nil {
			if last := saved[len(saved)-1]; last != nil {
				s.cwd = *last
			}
			saved = saved[:len(saved)-1]
			return true
		}
		var restore *string
		switch n := n.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst:
			cwd := s.cwd
			restore = &cwd
		case *syntax.BinaryCmd:
			if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
				s.pipe(n)
			}
		case *syntax.ForClause:
			if s.loop(n) {
				return false
			}
		case *syntax.DeclClause:
			s.declare(n)
		case *syntax.Stmt:
			s.statement(n)
		case *syntax.Assign:
			s.assign(n)
		}
		saved = append(saved, restore)
		return true
	})
}

// maxRounds is how many turns of loops are looked at one by one.
const maxRounds = 64

// loop looks at the turns of a loop over words that stand in the text; false
// if they do not, or are too many.
func (s *shellReader) loop(n *syntax.ForClause) bool {
	iter, ok := n.Loop.(*syntax.WordIter)
	if !ok {
		return false
	}
	delete(s.vars, iter.Name.Value)
	words := s.args(iter.Items)
	if len(words) == 0 || s.rounds+len(words) > maxRounds || slices.ContainsFunc(words, func(a arg) bool { return !a.exact }) {
		return false
	}
	s.rounds += len(words)
	for _, word := range words {
		s.vars[iter.Name.Value] = word.text
		for _, stmt := range n.Do {
			s.walk(stmt)
		}
	}
	delete(s.vars, iter.Name.Value)
	return true
}

// declare notes that all variables are printed: export -p, declare -x.
func (s *shellReader) declare(n *syntax.DeclClause) {
	if !slices.ContainsFunc(n.Args, func(a *syntax.Assign) bool { return a.Name != nil }) {
		s.dumped = "the environment"
	}
}

// finish says what depends on the whole command.
func (s *shellReader) finish(command string) {
	if s.network && len(s.d.o.Mask.Find(command)) > 0 {
		s.d.warn(secretSent, "")
	}
	if s.network && s.dumped != "" {
		s.creds = append(s.creds, s.dumped)
	}
	for _, c := range s.creds {
		if s.network {
			s.d.warn(credentialsSent, c)
		} else {
			s.d.warn(credentialsRead, c)
		}
	}
}

// assign remembers a plain value, and what came from the network.
func (s *shellReader) assign(a *syntax.Assign) {
	if a.Name == nil || a.Value == nil {
		return
	}
	name := a.Name.Value
	s.setForGit(name, s.args([]*syntax.Word{a.Value})[0])
	delete(s.vars, name)
	if s.fromNetwork(a.Value) {
		s.tainted[name] = true
	}
	if v, ok := s.value(a.Value); ok && !a.Append && a.Index == nil {
		s.vars[name] = v
	}
}

// statement looks at one simple command and its redirections.
func (s *shellReader) statement(n *syntax.Stmt) {
	call, _ := n.Cmd.(*syntax.CallExpr)
	var args []arg
	if call != nil {
		args = s.args(call.Args)
	}
	runs := len(args) > 0 && s.readsScript(args)
	for _, r := range n.Redirs {
		word := []arg{{}}
		if r.Word != nil && r.Op != syntax.Hdoc && r.Op != syntax.DashHdoc && r.Op != syntax.WordHdoc {
			word = s.args([]*syntax.Word{r.Word})
		}
		socket := slices.ContainsFunc(word, isSocket)
		if socket {
			s.network = true
			if runs {
				s.warnf(networkToShell, "%s", s.source(n))
			} else if r.N != nil {
				s.tainted["&"+r.N.Value] = true
			}
		}
		switch r.Op {
		case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
			body := r.Hdoc
			if r.Op == syntax.WordHdoc {
				body = r.Word
			}
			if body == nil || len(args) == 0 {
				break
			}
			if s.fromNetwork(body) {
				s.fill(args)
				if runs {
					s.warnf(networkToShell, "%s", s.short(args))
				}
			}
			if !runs {
				break
			}
			if text, ok := s.value(body); ok {
				s.read(text, s.depth+1)
			} else {
				s.read(s.source(body), s.depth+1)
			}
		case syntax.RdrIn, syntax.DplIn:
			s.reads(word)
			if r.Word == nil || !s.holdsFetched(r.Word, word) && (r.Op != syntax.DplIn || !s.tainted["&"+word[0].text]) {
				break
			}
			s.fill(args)
			if runs {
				s.warnf(networkToShell, "%s", s.source(n))
			}
		default:
			if !writesTo(r.Op) {
				break
			}
			s.writes(word)
			if n.Cmd != nil && s.fromNetwork(n.Cmd) {
				s.keep(word)
			}
		}
	}
	if len(args) > 0 {
		s.call(args, false)
	}
}

// writesTo reports whether a redirection writes to a file.
func writesTo(op syntax.RedirOperator) bool {
	switch op {
	case syntax.RdrOut, syntax.AppOut, syntax.RdrInOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll, syntax.AppClob, syntax.RdrAllClob, syntax.AppAllClob:
		return true
	}
	return false
}

// isSocket reports whether the shell opens a connection for a redirection.
func isSocket(a arg) bool {
	return strings.HasPrefix(a.text, "/dev/tcp/") || strings.HasPrefix(a.text, "/dev/udp/")
}

// holdsFetched reports whether a redirection reads what came from the network.
func (s *shellReader) holdsFetched(w *syntax.Word, args []arg) bool {
	return s.fromNetwork(w) || slices.ContainsFunc(args, func(a arg) bool {
		abs, ok := s.path(a)
		return ok && s.fetched[abs]
	})
}

// keep remembers files that hold what came from the network.
func (s *shellReader) keep(files []arg) {
	for _, a := range files {
		if abs, ok := s.path(a); ok && !strings.HasPrefix(abs, "/dev/") {
			s.fetched[abs] = true
		}
	}
}

// fill remembers the variables into which a command reads what came from the
// network.
func (s *shellReader) fill(args []arg) {
	for _, name := range s.filled(args) {
		s.tainted[name] = true
	}
}

// pipe looks for what comes from the network and goes into a shell.
func (s *shellReader) pipe(n *syntax.BinaryCmd) {
	if !s.fromNetwork(n.X) {
		// A shell that is given plain text: echo '…' | sh.
		if left, ok := n.X.Cmd.(*syntax.CallExpr); ok && len(left.Args) > 1 && s.endsInShell(n.Y) {
			args := s.args(left.Args)
			if name := args[0].text; name == "echo" || name == "printf" {
				var words []string
				for _, a := range args[1:] {
					if a.exact && strings.HasPrefix(a.text, "-") {
						continue
					}
					words = append(words, a.text)
				}
				s.read(strings.Join(words, " "), s.depth+1)
			}
		}
		return
	}
	if s.endsInShell(n.Y) {
		s.warnf(networkToShell, "%s", s.source(n))
	}
	// It may go into a file, or a variable, first.
	syntax.Walk(n.Y, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Redirect:
			if n.Word != nil && writesTo(n.Op) {
				s.keep(s.args([]*syntax.Word{n.Word}))
			}
		case *syntax.CallExpr:
			args := s.args(n.Args)
			if len(args) > 0 && args[0].text == "tee" {
				s.keep(operands(args, nil))
			}
			s.fill(args)
		}
		return true
	})
}

// endsInShell reports whether somewhere in the node a program runs that takes
// its program from its input.
func (s *shellReader) endsInShell(n syntax.Node) bool {
	found := false
	syntax.Walk(n, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			found = found || s.readsScript(s.args(call.Args))
		}
		return !found
	})
	return found
}

// fromNetwork reports whether the node holds something that fetches, or a
// variable with what was fetched.
func (s *shellReader) fromNetwork(n syntax.Node) bool {
	found := false
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			args := s.args(n.Args)
			for len(args) > 0 {
				if args[0].exact && fetchers[path.Base(args[0].text)] {
					found = true
				}
				inner := unwrap(args)
				if len(inner) == len(args) {
					break
				}
				args = inner
			}
		case *syntax.ParamExp:
			found = found || n.Param != nil && s.tainted[n.Param.Value]
		case *syntax.Redirect:
			if n.Word != nil {
				found = found || strings.HasPrefix(s.source(n.Word), "/dev/tcp/")
			}
		}
		return !found
	})
	return found
}

var (
	shells       = set("sh bash zsh dash ksh ash mksh fish")
	interpreters = set("python python2 python3 perl ruby node deno bun php lua osascript pwsh tclsh")
	fetchers     = set("curl wget fetch aria2c http https xh lynx w3m nc ncat netcat socat ftp lwp-request")
	senders      = set("curl wget http https xh nc ncat netcat socat scp sftp ftp lftp telnet rsync rclone ssh mail mailx sendmail mutt aria2c dig nslookup drill gsutil s3cmd")
)

func set(names string) map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

// readsScript reports whether a command takes its program from its input: a
// shell or an interpreter with no script and no -c.
func (s *shellReader) readsScript(args []arg) bool {
	for {
		if len(args) == 0 || !args[0].exact {
			return false
		}
		name := path.Base(args[0].text)
		switch {
		case shells[name]:
			return shellFromInput(args[1:])
		case interpreters[name]:
			return scriptFromInput(args[1:])
		case name == "." || name == "source":
			return len(args) > 1 && isInput(args[1].text)
		}
		inner := unwrap(args)
		if len(inner) == len(args) {
			return false
		}
		if name == "xargs" || name == "parallel" {
			return givenAsProgram(args[:len(args)-len(inner)], inner)
		}
		args = inner
	}
}

// givenAsProgram reports whether what xargs is given becomes the program of a
// shell: xargs -I% sh -c %, xargs sh -c.
func givenAsProgram(own, inner []arg) bool {
	if len(inner) == 0 || !shells[path.Base(inner[0].text)] {
		return false
	}
	i := slices.IndexFunc(inner, isProgramFlag)
	if i < 0 || i+1 >= len(inner) {
		return i > 0
	}
	for _, put := range optionsOf(own, "nPILadEs", "--replace").values("-I", "--replace") {
		if put.text != "" && strings.Contains(inner[i+1].text, put.text) {
			return true
		}
	}
	return false
}

// isProgramFlag reports whether an option of a shell says that its program
// follows.
func isProgramFlag(a arg) bool {
	return len(a.text) > 1 && a.text[0] == '-' && a.text[1] != '-' && strings.Contains(a.text, "c")
}

// isInput reports whether a file's name stands for the standard input.
func isInput(name string) bool {
	switch name {
	case "-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0":
		return true
	}
	return false
}

// shellFromInput reads the arguments of a shell.
func shellFromInput(args []arg) bool {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch text := a.text; {
		case isInput(text) || text == "--" && i+1 == len(args):
			return true
		case isProgramFlag(a):
			return false
		case strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "--") && strings.Contains(text, "s"):
			return true
		case text == "-o" || text == "+o" || text == "-O" || text == "+O" || text == "--rcfile" || text == "--init-file":
			i++
		case strings.HasPrefix(text, "-"), strings.HasPrefix(text, "+"):
		default:
			return false
		}
	}
	return true
}

// scriptFromInput reads the arguments of an interpreter.
func scriptFromInput(args []arg) bool {
	for _, a := range args {
		switch text := a.text; {
		case isInput(text) || text == "--":
			return true
		case strings.HasPrefix(text, "--"):
		case strings.HasPrefix(text, "-") && strings.ContainsAny(text, "cemp") && !strings.Contains(text, "="):
			return false
		case strings.HasPrefix(text, "-"):
		default:
			return false
		}
	}
	return true
}

// say is s as it may stand in a warning or a summary: shown as the parts show
// it, but counted nowhere.
func (d *drawing) say(s string) string { return d.sayAs("", s) }

// sayAs is say for the value of something called name.
func (d *drawing) sayAs(name, s string) string {
	found, hid, strange := d.found, d.hid, d.strange
	out := d.showAs(name, s, true)
	d.found, d.hid, d.strange = found, hid, strange
	return out
}

func (s *shellReader) warnf(kind warnKind, format string, args ...any) {
	s.d.warn(kind, s.d.say(fmt.Sprintf(format, args...)))
}

// short is the beginning of a command for a warning.
func (s *shellReader) short(args []arg) string {
	var words []string
	for _, a := range args {
		words = append(words, a.text)
	}
	return strings.Join(words, " ")
}

// path is where an argument leads; false if that cannot be told.
func (s *shellReader) path(a arg) (string, bool) {
	if !a.exact || a.text == "" {
		return "", false
	}
	if filepath.IsAbs(a.text) {
		return filepath.Clean(a.text), true
	}
	if s.cwd == "" {
		return "", false
	}
	return filepath.Join(s.cwd, a.text), true
}

// reads judges arguments that are read as files.
func (s *shellReader) reads(args []arg) {
	for _, a := range args {
		abs, ok := s.path(a)
		if !ok {
			continue
		}
		if s.d.isCredential(abs) || s.d.matchesCredential(abs) {
			s.creds = append(s.creds, s.d.say(s.d.short(abs)))
		}
	}
}

// writes judges arguments that are written as files.
func (s *shellReader) writes(args []arg) {
	for _, a := range args {
		if abs, ok := s.path(a); ok && !strings.HasPrefix(abs, "/dev/") {
			s.d.judgePath(abs, writing)
			s.throughLink(abs)
		}
	}
}

// throughLink warns of a path inside the project that a symbolic link leads
// out of it.
func (s *shellReader) throughLink(abs string) {
	if s.d.o.Files == nil || s.d.root == "" || !within(abs, s.d.root) {
		return
	}
	real, root := s.d.o.Files.Resolve(abs), s.d.o.Files.Resolve(s.d.root)
	if !within(real, root) {
		s.warnf(linkOut, "%s → %s", s.d.short(abs), real)
	}
}

// deletes judges arguments that are deleted.
func (s *shellReader) deletes(args []arg) {
	for _, a := range args {
		abs, ok := s.path(a)
		if !ok {
			s.warnf(deletesUnknown, "%s", a.text)
			continue
		}
		// A pattern is judged by the folder it stands in.
		whole := abs
		if i := strings.IndexAny(abs, "*?["); i >= 0 {
			whole = filepath.Dir(abs[:i] + "x")
		}
		root := s.d.root
		switch {
		case root == "" && !filepath.IsAbs(a.text):
		case root == "" || !within(whole, root):
			s.warnf(deletesOutside, "%s", abs)
		case abs == root || whole == root && strings.Trim(abs[len(root):], "/.*") == "":
			s.warnf(deletesProject, "%s", abs)
		case abs == filepath.Join(root, ".git"):
			s.warnf(deletesProject, ".git")
		default:
			dir := filepath.Dir(whole)
			if within(dir, root) {
				s.throughLink(dir)
			}
		}
	}
}

// call looks at one command. more says that it will get further arguments
// from its input, as xargs gives them.
func (s *shellReader) call(args []arg, more bool) {
	cwd, moved := s.cwd, false // by a wrapper, for this command alone
	defer func() {
		if moved {
			s.cwd = cwd
		}
	}()
	for range 20 { // sudo env nice …
		if len(args) == 0 || !args[0].exact {
			s.unnamed(args)
			return
		}
		name := path.Base(args[0].text)
		s.look(name, args)
		switch name {
		case "sudo", "doas", "pkexec", "su", "runuser", "run0", "sudoedit":
			s.warnf(asRoot, "%s", s.short(args[:min(len(args), 3)]))
			if name == "su" || name == "runuser" {
				s.afterFlag(args, "-c", "--command")
				return
			}
		case "xargs", "parallel":
			more = true
		case "env":
			s.afterFlag(args, "-S", "--split-string")
		case "find", "fd", "fdfind":
			s.find(args)
			return
		}
		inner := unwrap(args)
		if len(inner) == len(args) || len(inner) == 0 {
			break
		}
		own := args[:len(args)-len(inner)]
		for _, a := range own[1:] {
			if key, value, ok := strings.Cut(a.text, "="); ok {
				s.setForGit(key, arg{text: value, exact: a.exact})
			}
		}
		if flags := movers[name]; flags != nil {
			for _, dir := range optionsOf(own, "CD", flags...).values(flags...) {
				s.cwd, _ = s.path(dir)
				moved = true
			}
		}
		args = inner
	}
	if !args[0].exact {
		s.unnamed(args)
		return
	}
	name := commandName(args[0].text)
	switch {
	case shells[name]:
		s.shellCall(args)
	case interpreters[name]:
		s.script(args[1:])
	}
	if do := s.commands[name]; do != nil {
		do(s, args, more)
	}
}

// unnamed looks at a command whose name is put together at run time.
func (s *shellReader) unnamed(args []arg) {
	if len(args) > 0 && args[0].word != nil && s.fromNetwork(args[0].word) {
		s.warnf(networkToShell, "%s", s.short(args))
	}
}

// shellCall looks at sh -c '…' and sh script.
func (s *shellReader) shellCall(args []arg) {
	for i, a := range args[1:] {
		if isProgramFlag(a) && i+2 < len(args) {
			s.program(args[i+2], args)
			return
		}
	}
	s.script(args[1:])
}

// program looks at a string that a shell runs.
func (s *shellReader) program(a arg, whole []arg) {
	if a.word != nil && s.fromNetwork(a.word) {
		s.warnf(networkToShell, "%s", s.short(whole))
	}
	if a.exact {
		s.read(a.text, s.depth+1)
		return
	}
	// With something put in: the rest is read all the same, as it is written.
	text := a.text
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') {
		text = shellwords.UnescapeQuoted(text[1 : len(text)-1])
	}
	if text != a.text {
		s.read(text, s.depth+1)
	}
}

// script looks at the script that a shell or interpreter is given.
func (s *shellReader) script(args []arg) {
	for _, a := range args {
		if a.exact && strings.HasPrefix(a.text, "-") {
			continue
		}
		if a.word != nil && s.fromNetwork(a.word) {
			s.warnf(networkToShell, "%s", a.text)
		}
		if abs, ok := s.path(a); ok && s.fetched[abs] {
			s.warnf(networkToShell, "%s", s.d.short(abs))
		}
		return
	}
}

// afterFlag reads the value of a flag as a program.
func (s *shellReader) afterFlag(args []arg, flags ...string) {
	for i, a := range args {
		if slices.Contains(flags, a.text) && i+1 < len(args) {
			s.program(args[i+1], args)
		}
	}
}

// find looks at find's -delete and -exec.
func (s *shellReader) find(args []arg) {
	var roots []arg
	i := 1
	for i < len(args) && slices.Contains([]string{"-L", "-H", "-P"}, args[i].text) {
		i++
	}
	for ; i < len(args) && !strings.HasPrefix(args[i].text, "-") && args[i].text != "(" && args[i].text != "!"; i++ {
		roots = append(roots, args[i])
	}
	if len(roots) == 0 {
		roots = []arg{{text: ".", exact: true}}
	}
	for ; i < len(args); i++ {
		switch args[i].text {
		case "-delete":
			s.foundDeleted(roots)
		case "-exec", "-execdir", "-ok", "-okdir", "-x", "--exec", "-X", "--exec-batch":
			inner := args[i+1:]
			for n, a := range inner {
				if a.text == ";" || a.text == "+" {
					inner = inner[:n]
					break
				}
			}
			if len(inner) > 0 && deleters[path.Base(inner[0].text)] {
				s.foundDeleted(roots)
			} else {
				if len(inner) > 0 && !withoutReading[path.Base(inner[0].text)] {
					s.reads(roots)
				}
				s.call(inner, true)
			}
		}
	}
}

// foundDeleted judges what find deletes below the folders it starts from.
func (s *shellReader) foundDeleted(roots []arg) {
	for _, root := range roots {
		abs, ok := s.path(root)
		switch {
		case !ok:
			s.warnf(deletesUnknown, "%s", root.text)
		case s.d.root == "" || !within(abs, s.d.root):
			s.warnf(deletesOutside, "%s", abs)
		}
	}
}
