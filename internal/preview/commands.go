package preview

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"claude-permission-daemon/internal/shellwords"
)

// wrappers run the command that follows their own options. The options listed
// take a value in the next word.
var wrappers = map[string][]string{
	"sudo":       {"-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group", "--host", "--prompt", "--chdir", "--chroot"},
	"doas":       {"-u", "-C"},
	"pkexec":     {"--user"},
	"env":        {"-u", "-C", "-S", "--unset", "--chdir", "--split-string"},
	"nice":       {"-n", "--adjustment"},
	"ionice":     {"-c", "-n", "-p", "--class", "--classdata"},
	"nohup":      nil,
	"setsid":     nil,
	"stdbuf":     {"-i", "-o", "-e"},
	"time":       {"-f", "-o"},
	"timeout":    {"-s", "-k", "--signal", "--kill-after"},
	"chronic":    nil,
	"command":    nil,
	"builtin":    nil,
	"exec":       {"-a"},
	"noglob":     nil,
	"unbuffer":   nil,
	"strace":     {"-o", "-e", "-p", "-s"},
	"watch":      {"-n", "--interval"},
	"xargs":      {"-n", "-P", "-I", "-L", "-a", "-d", "-E", "-s", "--max-args", "--max-procs", "--replace", "--arg-file", "--delimiter"},
	"parallel":   {"-j", "-n", "--jobs", "-N"},
	"flock":      {"-w", "-E"},
	"chroot":     nil,
	"caffeinate": {"-t", "-w"},
}

// unwrap is the command that a wrapper runs; args itself if it is none.
func unwrap(args []arg) []arg {
	if len(args) == 0 || !args[0].exact {
		return args
	}
	name := path.Base(args[0].text)
	valued, ok := wrappers[name]
	if !ok {
		return args
	}
	i := 1
	for i < len(args) {
		text := args[i].text
		switch {
		case text == "--":
			i++
			return operand(name, args[i:])
		case strings.HasPrefix(text, "-") && text != "-":
			if slices.Contains(valued, text) {
				i++
			}
			i++
		case (name == "env" || name == "sudo" || name == "doas") && isAssignment(text):
			i++
		default:
			return operand(name, args[i:])
		}
	}
	return nil
}

// operand leaves out the operand that some wrappers have before the command.
func operand(name string, args []arg) []arg {
	switch name {
	case "timeout", "flock", "chroot": // a duration, a lock file, a folder
		if len(args) > 0 {
			return args[1:]
		}
	}
	return args
}

func isAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// look notes what any command may do, whatever its name: read credentials, use
// the network, run a file that was fetched.
func (s *shellReader) look(name string, args []arg) {
	if senders[name] && !slices.ContainsFunc(args[1:], func(a arg) bool { return a.text == "--version" || a.text == "--help" }) {
		s.network = true
	}
	if !withoutReading[name] {
		given := args[1:]
		if writesLast[name] && len(given) > 1 {
			given = given[:len(given)-1]
		}
		for _, a := range given {
			text := a.text
			if strings.HasPrefix(text, "-") {
				_, value, ok := strings.Cut(text, "=")
				if !ok {
					continue
				}
				text = value
			} else if _, value, ok := strings.Cut(text, "=@"); ok {
				text = value // curl -F file=@path
			}
			s.reads([]arg{{text: strings.TrimPrefix(text, "@"), exact: a.exact}})
		}
	}
	if strings.Contains(args[0].text, "/") {
		if abs, ok := s.path(args[0]); ok && s.fetched[abs] {
			s.warnf(networkToShell, "%s", s.d.short(abs))
		}
	}
}

// withoutReading are commands that do not read the files they are given.
var withoutReading = set("rm rmdir unlink ls chmod chown chgrp mkdir touch cd pushd test [ stat echo printf which type realpath dirname basename find fd git ssh-keygen ssh-add sudo env xargs export tee truncate")

// writesLast are commands that write the last file they are given, and read
// the others.
var writesLast = set("cp mv install ln rsync scp")

// commands are those whose arguments mean something to the list of warnings.
var commands = map[string]func(s *shellReader, args []arg, more bool){
	"rm":          (*shellReader).rm,
	"rmdir":       (*shellReader).rm,
	"unlink":      (*shellReader).rm,
	"shred":       (*shellReader).rm,
	"srm":         (*shellReader).rm,
	"trash":       (*shellReader).rm,
	"rsync":       (*shellReader).rsync,
	"cd":          (*shellReader).cd,
	"pushd":       (*shellReader).cd,
	"popd":        func(s *shellReader, _ []arg, _ bool) { s.cwd = "" },
	"eval":        (*shellReader).eval,
	"source":      func(s *shellReader, args []arg, _ bool) { s.script(args[1:]) },
	".":           func(s *shellReader, args []arg, _ bool) { s.script(args[1:]) },
	"git":         (*shellReader).git,
	"chmod":       (*shellReader).chmod,
	"umask":       (*shellReader).umask,
	"ln":          (*shellReader).ln,
	"tee":         func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, nil)) },
	"truncate":    func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, []string{"-s", "-r"})) },
	"touch":       func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, []string{"-d", "-r", "-t"})) },
	"cp":          (*shellReader).lastWritten,
	"mv":          (*shellReader).lastWritten,
	"install":     (*shellReader).lastWritten,
	"sed":         (*shellReader).inPlace,
	"perl":        (*shellReader).inPlace,
	"dd":          (*shellReader).dd,
	"curl":        (*shellReader).curl,
	"wget":        (*shellReader).wget,
	"crontab":     (*shellReader).crontab,
	"at":          func(s *shellReader, args []arg, _ bool) { s.warnf(scheduled, "%s", s.short(args)) },
	"batch":       func(s *shellReader, args []arg, _ bool) { s.warnf(scheduled, "%s", s.short(args)) },
	"systemctl":   (*shellReader).systemctl,
	"launchctl":   (*shellReader).launchctl,
	"claude":      (*shellReader).claude,
	"env":         (*shellReader).environment,
	"printenv":    (*shellReader).environment,
	"security":    (*shellReader).keychain,
	"gpg":         (*shellReader).keychain,
	"pass":        (*shellReader).keychain,
	"op":          (*shellReader).keychain,
	"gh":          (*shellReader).keychain,
	"gcloud":      (*shellReader).keychain,
	"aws":         (*shellReader).keychain,
	"kubectl":     (*shellReader).keychain,
	"vault":       (*shellReader).keychain,
	"secret-tool": (*shellReader).keychain,
}

var deleters = set("rm rmdir unlink shred srm trash")

// operands are the arguments that are no options. Those in valued take the
// next word.
func operands(args []arg, valued []string) []arg {
	var out []arg
	for i := 1; i < len(args); i++ {
		text := args[i].text
		switch {
		case text == "--":
			return append(out, args[i+1:]...)
		case strings.HasPrefix(text, "-") && text != "-":
			if slices.Contains(valued, text) {
				i++
			}
		default:
			out = append(out, args[i])
		}
	}
	return out
}

// hasFlag reports whether one of the short options (letters) or the long ones
// is given.
func hasFlag(args []arg, letters string, long ...string) bool {
	for _, a := range args[1:] {
		if a.text == "--" {
			return false
		}
		name, _, _ := strings.Cut(a.text, "=")
		if slices.Contains(long, name) {
			return true
		}
		if len(a.text) > 1 && a.text[0] == '-' && a.text[1] != '-' && strings.ContainsAny(a.text[1:], letters) {
			return true
		}
	}
	return false
}

func (s *shellReader) rm(args []arg, more bool) {
	targets := operands(args, []string{"-n", "-s"})
	if more {
		s.warnf(deletesUnknown, "what %s is given", args[0].text)
	}
	s.deletes(targets)
}

func (s *shellReader) rsync(args []arg, _ bool) {
	ops := operands(args, []string{"-e", "-f"})
	if len(ops) == 0 {
		return
	}
	last := ops[len(ops)-1]
	if strings.Contains(last.text, ":") {
		return
	}
	if slices.ContainsFunc(args, func(a arg) bool { return strings.HasPrefix(a.text, "--del") }) {
		abs, ok := s.path(last)
		switch {
		case !ok:
			s.warnf(deletesUnknown, "%s", last.text)
		case s.d.root == "" || !within(abs, s.d.root):
			s.warnf(deletesOutside, "%s", abs)
		}
	}
	s.writes(ops[len(ops)-1:])
}

func (s *shellReader) cd(args []arg, _ bool) {
	ops := operands(args, nil)
	if len(ops) == 0 {
		s.cwd = s.home
		return
	}
	if ops[0].text == "-" {
		s.cwd = ""
		return
	}
	s.cwd, _ = s.path(ops[0])
}

func (s *shellReader) eval(args []arg, _ bool) {
	var words []string
	for _, a := range args[1:] {
		if a.word != nil && s.fromNetwork(a.word) {
			s.warnf(networkToShell, "%s", s.short(args))
		}
		text := a.text
		if !a.exact && len(text) >= 2 && text[0] == '"' {
			text = shellwords.UnescapeQuoted(text[1 : len(text)-1])
		}
		words = append(words, text)
	}
	s.read(strings.Join(words, " "), s.depth+1)
}

func (s *shellReader) git(args []arg, _ bool) {
	i := 1
	for i < len(args) && strings.HasPrefix(args[i].text, "-") {
		switch args[i].text {
		case "-c", "--config-env":
			if i+1 < len(args) && runsByGit(args[i+1].text) {
				s.warnf(gitHook, "%s", args[i+1].text)
			}
			i++
		case "-C", "--git-dir", "--work-tree", "--namespace":
			i++
		}
		i++
	}
	if i >= len(args) {
		return
	}
	rest := args[i:]
	switch rest[0].text {
	case "push":
		if hasFlag(rest, "fd", "--force", "--force-with-lease", "--force-if-includes", "--mirror", "--delete", "--prune") ||
			slices.ContainsFunc(rest[1:], func(a arg) bool { return strings.HasPrefix(a.text, "+") || len(a.text) > 1 && a.text[0] == ':' }) {
			s.warnf(forcePush, "%s", "git "+s.short(rest))
		}
	case "config":
		for n, a := range rest[1:] {
			if runsByGit(a.text) && n+2 < len(rest) && !hasFlag(rest, "l", "--get", "--get-all", "--unset", "--list") {
				s.warnf(gitHook, "%s", "git "+s.short(rest))
			}
		}
	}
}

// runsByGit reports whether a configuration key makes git run something.
func runsByGit(key string) bool {
	key = strings.ToLower(key)
	for _, k := range []string{"core.hookspath", "core.fsmonitor", "core.sshcommand", "core.pager", "core.editor", "credential.helper", "alias.", "include.path", "includeif.", "filter.", "diff.external", "gpg.program", "init.templatedir"} {
		if strings.HasPrefix(key, k) {
			return true
		}
	}
	return false
}

func (s *shellReader) chmod(args []arg, _ bool) {
	for _, a := range args[1:] {
		if strings.HasPrefix(a.text, "-") && strings.Trim(a.text[1:], "rwxXst") != "" || strings.HasPrefix(a.text, "--") {
			continue
		}
		s.mode(a.text, args)
		return
	}
}

// mode judges a file mode.
func (s *shellReader) mode(mode string, args []arg) {
	if strings.Trim(mode, "01234567") == "" && len(mode) >= 3 {
		if (mode[len(mode)-1]-'0')&2 != 0 {
			s.warnf(openToAll, "%s", s.short(args))
		}
		if len(mode) > 3 && (mode[len(mode)-4]-'0')&6 != 0 {
			s.warnf(setuid, "%s", s.short(args))
		}
		return
	}
	for clause := range strings.SplitSeq(mode, ",") {
		i := strings.IndexAny(clause, "+=-")
		if i < 0 || clause[i] == '-' {
			continue
		}
		who, what := clause[:i], clause[i+1:]
		if strings.ContainsAny(who, "oa") && strings.Contains(what, "w") {
			s.warnf(openToAll, "%s", s.short(args))
		}
		if strings.Contains(what, "s") {
			s.warnf(setuid, "%s", s.short(args))
		}
	}
}

func (s *shellReader) umask(args []arg, _ bool) {
	if len(args) > 1 && strings.Trim(args[1].text, "0") == "" && args[1].text != "" {
		s.warnf(openToAll, "%s", s.short(args))
	}
}

func (s *shellReader) ln(args []arg, _ bool) {
	ops := operands(args, []string{"-t", "-S"})
	if !hasFlag(args, "s", "--symbolic") || len(ops) == 0 || s.d.root == "" {
		return
	}
	link := arg{text: path.Base(ops[0].text), exact: ops[0].exact}
	if len(ops) > 1 {
		link = ops[len(ops)-1]
	}
	at, ok := s.path(link)
	if !ok {
		return
	}
	s.writes([]arg{link})
	if !ops[0].exact || !within(at, s.d.root) {
		return
	}
	target := ops[0].text
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(at), target)
	}
	if !within(filepath.Clean(target), s.d.root) {
		s.warnf(linkOut, "%s → %s", s.d.short(at), target)
	}
}

func (s *shellReader) lastWritten(args []arg, _ bool) {
	valued := []string{"-t", "--target-directory", "-S", "-m", "-o", "-g"}
	if args[0].text == "install" {
		for i, a := range args[1:] {
			if a.text == "-m" && i+2 < len(args) {
				s.mode(args[i+2].text, args)
			}
		}
	}
	ops := operands(args, valued)
	for i, a := range args {
		if (a.text == "-t" || a.text == "--target-directory") && i+1 < len(args) {
			ops = append(ops, args[i+1])
		}
	}
	if len(ops) < 2 {
		return
	}
	target := ops[len(ops)-1]
	s.writes(ops[len(ops)-1:])
	// A file put into a folder keeps its name: cp hook .git/hooks.
	for _, source := range ops[:len(ops)-1] {
		if source.exact && target.exact {
			s.writes([]arg{{text: path.Join(target.text, path.Base(source.text)), exact: true}})
		}
	}
}

func (s *shellReader) inPlace(args []arg, _ bool) {
	if !hasFlag(args, "i", "--in-place") {
		return
	}
	s.writes(operands(args, []string{"-e", "-f"}))
}

func (s *shellReader) dd(args []arg, _ bool) {
	for _, a := range args[1:] {
		if v, ok := strings.CutPrefix(a.text, "of="); ok {
			if strings.HasPrefix(v, "/dev/") && v != "/dev/null" && v != "/dev/stdout" {
				s.warnf(deletesOutside, "%s", v)
			}
			s.writes([]arg{{text: v, exact: a.exact}})
		}
		if v, ok := strings.CutPrefix(a.text, "if="); ok {
			s.reads([]arg{{text: v, exact: a.exact}})
		}
	}
}

func (s *shellReader) curl(args []arg, _ bool) {
	for i, a := range args[1:] {
		next := arg{}
		if i+2 < len(args) {
			next = args[i+2]
		}
		switch a.text {
		case "-o", "--output":
			s.fetch(next)
		case "-T", "--upload-file", "--netrc-file", "-K", "--config", "--key", "-E", "--cert":
			s.reads([]arg{next})
		case "-O", "-LO", "-OL", "-sSLO", "-fsSLO", "-sLO", "-fLO", "--remote-name":
			for _, op := range operands(args, []string{"-H", "-X", "-d", "-o", "-u"}) {
				s.fetch(arg{text: path.Base(op.text), exact: op.exact})
			}
		}
	}
}

func (s *shellReader) wget(args []arg, _ bool) {
	for i, a := range args[1:] {
		if (a.text == "-O" || a.text == "--output-document") && i+2 < len(args) {
			s.fetch(args[i+2])
			return
		}
		if v, ok := strings.CutPrefix(a.text, "--post-file="); ok {
			s.reads([]arg{{text: v, exact: a.exact}})
		}
	}
	for _, op := range operands(args, []string{"-P", "-U"}) {
		s.fetch(arg{text: path.Base(op.text), exact: op.exact})
	}
}

// fetch remembers a file that comes from the network.
func (s *shellReader) fetch(a arg) {
	if abs, ok := s.path(a); ok {
		s.fetched[abs] = true
		s.writes([]arg{a})
	}
}

func (s *shellReader) crontab(args []arg, _ bool) {
	if !hasFlag(args, "l") {
		s.warnf(scheduled, "%s", s.short(args))
	}
}

func (s *shellReader) systemctl(args []arg, _ bool) {
	for _, a := range operands(args, nil) {
		if a.text == "enable" || a.text == "link" || a.text == "edit" {
			s.warnf(scheduled, "%s", s.short(args))
			return
		}
	}
}

func (s *shellReader) launchctl(args []arg, _ bool) {
	if len(args) > 1 && slices.Contains([]string{"load", "bootstrap", "enable", "submit"}, args[1].text) {
		s.warnf(scheduled, "%s", s.short(args))
	}
}

func (s *shellReader) claude(args []arg, _ bool) {
	for i, a := range args[1:] {
		if a.text == "--dangerously-skip-permissions" || a.text == "bypassPermissions" {
			s.warnf(claudeSettings, "%s", s.short(args[:i+2]))
			return
		}
	}
	ops := operands(args, nil)
	if len(ops) > 1 && slices.Contains([]string{"config", "mcp", "plugin", "hooks"}, ops[0].text) && !slices.Contains([]string{"list", "get"}, ops[1].text) {
		s.warnf(claudeSettings, "%s", s.short(args))
	}
}

// environment notes that all variables are printed.
func (s *shellReader) environment(args []arg, _ bool) {
	if len(operands(args, nil)) == 0 {
		s.dumped = "the environment"
	}
}

// keychain notes commands that print secrets.
func (s *shellReader) keychain(args []arg, _ bool) {
	line := s.short(args)
	for _, pattern := range [][]string{
		{"security", "find-generic-password"}, {"security", "find-internet-password"}, {"security", "dump-keychain"},
		{"gpg", "--export-secret"}, {"pass", "show"}, {"pass", "-c"}, {"op", "read"}, {"op", "item"}, {"op", "run"},
		{"gh", "auth token"}, {"gcloud", "print-access-token"}, {"gcloud", "print-identity-token"}, {"aws", "configure get"}, {"aws", "export-credentials"},
		{"aws", "get-secret-value"}, {"aws", "get-login-password"}, {"kubectl", "get secret"}, {"vault", "read"}, {"vault", "kv get"}, {"secret-tool", "lookup"},
	} {
		if path.Base(args[0].text) == pattern[0] && strings.Contains(line, " "+pattern[1]) {
			s.creds = append(s.creds, s.d.say(line))
			return
		}
	}
}
