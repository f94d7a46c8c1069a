package preview

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/mask"
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
	"run0":       {"-u", "--user"},
	"busybox":    nil,
	"toybox":     nil,
	"npx":        {"-p", "--package"},
	"bunx":       nil,
}

// movers are wrappers that give the command another current folder, by these
// options.
var movers = map[string][]string{
	"env":  {"-C", "--chdir"},
	"sudo": {"-D", "--chdir"},
	"run0": {"-D", "--chdir"},
}

// commandName is a command without its folder, and a package without its
// version.
func commandName(text string) string {
	name, _, _ := strings.Cut(path.Base(text), "@")
	if name == "" {
		return path.Base(text)
	}
	return name
}

// option is one option as its command reads it: "-o", "--output".
type option struct {
	name  string
	value arg
}

type options []option

// values are what was given to the options of these names.
func (o options) values(names ...string) (out []arg) {
	for _, one := range o {
		if slices.Contains(names, one.name) && one.value.text != "" {
			out = append(out, one.value)
		}
	}
	return out
}

// has reports whether one of the options is given.
func (o options) has(names ...string) bool {
	return slices.ContainsFunc(o, func(one option) bool { return slices.Contains(names, one.name) })
}

// optionsOf reads options as most commands do: letters in a row, a value in the
// same word or in the next. The letters and words listed take one.
func optionsOf(args []arg, letters string, words ...string) (out options) {
	for i := 1; i < len(args); i++ {
		text := args[i].text
		next := arg{}
		if i+1 < len(args) {
			next = args[i+1]
		}
		switch {
		case text == "--":
			return out
		case strings.HasPrefix(text, "--"):
			name, value, ok := strings.Cut(text, "=")
			given := arg{text: value, exact: args[i].exact}
			if !ok && slices.Contains(words, name) {
				given = next
				i++
			}
			out = append(out, option{name, given})
		case strings.HasPrefix(text, "-"):
			for n := 1; n < len(text); n++ {
				one := option{name: "-" + text[n:n+1]}
				valued := strings.IndexByte(letters, text[n]) >= 0
				switch {
				case valued && n+1 < len(text):
					one.value = arg{text: text[n+1:], exact: args[i].exact}
					n = len(text)
				case valued:
					one.value = next
					i++
				}
				out = append(out, one)
			}
		}
	}
	return out
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
	"rimraf":      (*shellReader).rm,
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
	"trap":        (*shellReader).trap,
	"read":        (*shellReader).forget,
	"mapfile":     (*shellReader).forget,
	"readarray":   (*shellReader).forget,
	"getopts":     (*shellReader).forget,
	"unset":       (*shellReader).forget,
	"printf":      (*shellReader).forget,
	"set":         (*shellReader).set,
	"source":      func(s *shellReader, args []arg, _ bool) { s.script(args[1:]) },
	".":           func(s *shellReader, args []arg, _ bool) { s.script(args[1:]) },
	"git":         (*shellReader).git,
	"chmod":       (*shellReader).chmod,
	"umask":       (*shellReader).umask,
	"mkdir":       (*shellReader).modeGiven,
	"mkfifo":      (*shellReader).modeGiven,
	"ln":          (*shellReader).ln,
	"tee":         func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, nil)) },
	"truncate":    func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, []string{"-s", "-r"})) },
	"touch":       func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, []string{"-d", "-r", "-t"})) },
	"cp":          (*shellReader).lastWritten,
	"mv":          (*shellReader).lastWritten,
	"install":     (*shellReader).lastWritten,
	"sed":         (*shellReader).inPlace,
	"perl":        (*shellReader).inPlace,
	"ruby":        (*shellReader).inPlace,
	"sponge":      func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, nil)) },
	"ed":          func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, []string{"-p"})) },
	"ex":          func(s *shellReader, args []arg, _ bool) { s.writes(operands(args, []string{"-c"})) },
	"dd":          (*shellReader).dd,
	"curl":        (*shellReader).curl,
	"wget":        (*shellReader).wget,
	"crontab":     (*shellReader).crontab,
	"at":          func(s *shellReader, args []arg, _ bool) { s.warnf(scheduled, "%s", s.short(args)) },
	"batch":       func(s *shellReader, args []arg, _ bool) { s.warnf(scheduled, "%s", s.short(args)) },
	"systemctl":   (*shellReader).systemctl,
	"launchctl":   (*shellReader).launchctl,
	"systemd-run": (*shellReader).systemdRun,
	"claude":      (*shellReader).claude,
	"claude-code": (*shellReader).claude,
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

var deleters = set("rm rmdir unlink shred srm trash rimraf")

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
	ops := operands(args, []string{"-e", "-f", "-B", "-M", "-T", "--rsh", "--exclude", "--include", "--filter", "--exclude-from", "--include-from", "--files-from", "--log-file",
		"--out-format", "--bwlimit", "--timeout", "--port", "--chmod", "--suffix", "--max-size", "--min-size", "--link-dest", "--compare-dest", "--copy-dest", "--backup-dir", "--temp-dir", "--partial-dir"})
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
	s.puts(ops, hasFlag(args, "ra", "--recursive", "--archive"))
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

// trap looks at what a shell runs later.
func (s *shellReader) trap(args []arg, _ bool) {
	if ops := operands(args, nil); len(ops) > 1 && ops[0].text != "-" {
		s.program(ops[0], args)
	}
}

// fillers are commands that give variables a value from elsewhere. The options
// listed take a value; with a name of its own the first of them names the
// variable, and the operands do else.
var fillers = map[string]struct{ letters, named string }{
	"read":      {"adinNptu", ""},
	"mapfile":   {"dnOsuCc", ""},
	"readarray": {"dnOsuCc", ""},
	"getopts":   {"", ""},
	"unset":     {"", ""},
	"printf":    {"v", "-v"},
}

// filled are the variables that a command gives a value.
func (s *shellReader) filled(args []arg) (names []string) {
	if len(args) == 0 || !args[0].exact {
		return nil
	}
	filler, ok := fillers[args[0].text]
	if !ok {
		return nil
	}
	if filler.named != "" {
		for _, a := range optionsOf(args, filler.letters).values(filler.named) {
			names = append(names, a.text)
		}
		return names
	}
	var valued []string
	for _, letter := range filler.letters {
		valued = append(valued, "-"+string(letter))
	}
	for _, a := range append(operands(args, valued), optionsOf(args, filler.letters).values("-a")...) {
		names = append(names, a.text)
	}
	if len(names) == 0 {
		names = []string{"REPLY", "MAPFILE"}
	}
	return names
}

// forget drops the values of variables that a command gives others.
func (s *shellReader) forget(args []arg, _ bool) {
	for _, name := range s.filled(args) {
		delete(s.vars, name)
	}
}

func (s *shellReader) git(args []arg, _ bool) {
	i := 1
	for i < len(args) && strings.HasPrefix(args[i].text, "-") {
		if key, ok := strings.CutPrefix(args[i].text, "--config-env="); ok && runsByGit(key) {
			s.warnf(gitHook, "%s", key)
		}
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
	case "mv":
		s.lastWritten(rest, false)
	case "credential":
		if len(rest) > 1 && rest[1].text == "fill" {
			s.creds = append(s.creds, s.d.say("git "+s.short(rest)))
		}
	case "push":
		if hasFlag(rest, "fd") || slices.ContainsFunc(rest[1:], forces) ||
			slices.ContainsFunc(rest[1:], func(a arg) bool { return strings.HasPrefix(a.text, "+") || len(a.text) > 1 && a.text[0] == ':' }) {
			s.warnf(forcePush, "%s", "git "+s.short(rest))
		}
	case "config":
		for n, a := range rest[1:] {
			if n+2 < len(rest) && runsByGit(a.text+"="+rest[n+2].text) && !hasFlag(rest, "l", "--get", "--get-all", "--unset", "--list") {
				s.warnf(gitHook, "%s", "git "+s.short(rest))
			}
		}
	}
}

// forces reports whether an option of git push overwrites or deletes. Git takes
// the beginning of an option for it.
func forces(a arg) bool {
	name, _, _ := strings.Cut(a.text, "=")
	return len(name) >= len("--de") && slices.ContainsFunc([]string{"--force", "--force-with-lease", "--force-if-includes", "--mirror", "--delete", "--prune"},
		func(long string) bool { return strings.HasPrefix(long, name) })
}

// gitRuns are the keys of git's configuration that make it run something; *
// stands for any part.
var gitRuns = []string{
	"core.hookspath", "core.fsmonitor", "core.sshcommand", "core.gitproxy", "core.askpass", "core.pager", "core.editor", "core.attributesfile", "sequence.editor", "pager.*",
	"credential.helper", "credential.*.helper", "alias.*", "include.path", "includeif.*", "filter.*", "diff.external", "diff.*.command", "diff.*.textconv", "merge.*.driver",
	"difftool.*.cmd", "mergetool.*.cmd", "interactive.difffilter", "gpg.program", "gpg.*.program", "init.templatedir", "uploadpack.packobjectshook",
	"remote.*.uploadpack", "remote.*.receivepack", "protocol.ext.allow", "submodule.*.update", "trailer.*.cmd", "trailer.*.command", "sendemail.*cmd",
}

// runsByGit reports whether a setting, key=value, makes git run something that
// is not as good as nothing.
func runsByGit(setting string) bool {
	key, value, _ := strings.Cut(setting, "=")
	key = strings.ToLower(key)
	return !tameForGit(value) && slices.ContainsFunc(gitRuns, func(pattern string) bool {
		before, after, any := strings.Cut(pattern, "*")
		return key == pattern || any && len(key) > len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
	})
}

// tameForGit reports whether a pager, an editor or a helper is one of those
// that everybody uses, or none.
func tameForGit(value string) bool {
	switch value {
	case "true", "false", ":", "cat", "less", "more", "vi", "vim", "nano", "code --wait", "0", "1", "on", "off", "yes", "no", "osxkeychain", "cache", "manager":
		return true
	}
	return false
}

// gitVariables are those of the environment that name something that git runs.
var gitVariables = set("GIT_SSH GIT_SSH_COMMAND GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_ASKPASS GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND " +
	"GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_PARAMETERS")

// setForGit notes a variable that makes git run something.
func (s *shellReader) setForGit(name string, value arg) {
	plainSSH := (value.text == "ssh" || strings.HasPrefix(value.text, "ssh ")) && value.exact && !strings.Contains(value.text, "Command")
	if gitVariables[name] && value.text != "/dev/null" && value.text != "" && !tameForGit(value.text) && !plainSSH ||
		strings.HasPrefix(name, "GIT_CONFIG_KEY_") && runsByGit(value.text) {
		s.warnf(gitHook, "%s=%s", name, value.text)
	}
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
	if bits, err := strconv.ParseUint(mode, 8, 32); err == nil {
		if bits&0o002 != 0 {
			s.warnf(openToAll, "%s", s.short(args))
		}
		if bits&0o6000 != 0 {
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
		// "o=u" gives others what the owner has.
		if strings.ContainsAny(who, "oa") && strings.ContainsAny(what, "wug") {
			s.warnf(openToAll, "%s", s.short(args))
		}
		if strings.Contains(what, "s") {
			s.warnf(setuid, "%s", s.short(args))
		}
	}
}

// modeGiven judges the mode that a command makes something with.
func (s *shellReader) modeGiven(args []arg, _ bool) {
	for _, mode := range optionsOf(args, "mSogtZ", "--mode").values("-m", "--mode") {
		s.mode(mode.text, args)
	}
}

func (s *shellReader) umask(args []arg, _ bool) {
	ops := operands(args, nil)
	if len(ops) == 0 {
		return
	}
	if bits, err := strconv.ParseUint(ops[0].text, 8, 32); err == nil {
		if bits&0o002 == 0 {
			s.warnf(openToAll, "%s", s.short(args))
		}
		return
	}
	s.mode(ops[0].text, args) // what it allows, as a mode
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
	if args[0].text == "install" {
		s.modeGiven(args, false)
	}
	ops := operands(args, []string{"-t", "--target-directory", "-S", "-m", "-o", "-g"})
	ops = append(ops, optionsOf(args, "tSmog", "--target-directory").values("-t", "--target-directory")...)
	s.puts(ops, args[0].text != "mv" && hasFlag(args, "raR", "--recursive", "--archive"))
}

// puts judges the last of the operands, to which the others are copied or
// moved. folders says that these may be folders, with all that is in them.
func (s *shellReader) puts(ops []arg, folders bool) {
	if len(ops) < 2 {
		return
	}
	target := ops[len(ops)-1]
	s.writes(ops[len(ops)-1:])
	if folders {
		s.writesFolder(target)
	}
	// A file put into a folder keeps its name: cp hook .git/hooks.
	for _, source := range ops[:len(ops)-1] {
		if source.exact && target.exact {
			inside := arg{text: path.Join(target.text, path.Base(source.text)), exact: true}
			s.writes([]arg{inside})
			s.writesFolder(inside)
		}
	}
}

// writesFolder judges a folder that is written whole, by what it commonly has.
func (s *shellReader) writesFolder(a arg) {
	abs, ok := s.path(a)
	if !ok {
		return
	}
	for _, p := range writtenPlaces {
		if slices.ContainsFunc(p.any, func(want string) bool {
			first, _, below := strings.Cut(strings.TrimSuffix(want, "/"), "/")
			return below && filepath.Base(abs) == first
		}) {
			s.warnf(p.kind, "%s", s.d.short(abs))
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
	given := optionsOf(args, "AbcCdDeEFHKmoPQrtTuUwxXyYz", "--output", "--output-dir", "--upload-file", "--netrc-file", "--config", "--key", "--cert",
		"--data", "--data-binary", "--data-ascii", "--data-urlencode", "--json", "--form")
	for _, file := range given.values("-o", "--output") {
		s.fetch(file)
	}
	s.reads(given.values("-T", "--upload-file", "--netrc-file", "-K", "--config", "--key", "-E", "--cert"))
	for _, data := range given.values("-d", "--data", "--data-binary", "--data-ascii", "--data-urlencode", "--json", "-F", "--form") {
		if _, file, ok := strings.Cut(data.text, "@"); ok {
			s.reads([]arg{{text: file, exact: data.exact}})
		}
	}
	if given.has("-O", "--remote-name") {
		for _, op := range operands(args, []string{"-H", "-X", "-d", "-o", "-u"}) {
			s.fetch(arg{text: path.Base(op.text), exact: op.exact})
		}
	}
}

func (s *shellReader) wget(args []arg, _ bool) {
	given := optionsOf(args, "aABDeHiIlnoOPQRtTUwX", "--output-document", "--post-file", "--body-file")
	s.reads(given.values("--post-file", "--body-file"))
	if files := given.values("-O", "--output-document"); len(files) > 0 {
		for _, file := range files {
			s.fetch(file)
		}
		return
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

func (s *shellReader) systemdRun(args []arg, _ bool) {
	if slices.ContainsFunc(args, func(a arg) bool {
		return strings.HasPrefix(a.text, "--on-") || strings.HasPrefix(a.text, "--timer-property")
	}) {
		s.warnf(scheduled, "%s", s.short(args))
	}
}

func (s *shellReader) launchctl(args []arg, _ bool) {
	if len(args) > 1 && slices.Contains([]string{"load", "bootstrap", "enable", "submit"}, args[1].text) {
		s.warnf(scheduled, "%s", s.short(args))
	}
}

func (s *shellReader) claude(args []arg, _ bool) {
	for i, a := range args[1:] {
		if a.text == "--dangerously-skip-permissions" || strings.TrimPrefix(a.text, "--permission-mode=") == "bypassPermissions" {
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
	ops := operands(args, nil)
	switch {
	case len(ops) == 0:
		s.dumped = "the environment"
	case args[0].text == "printenv" && slices.ContainsFunc(ops, func(a arg) bool { return secretName(a.text) }):
		s.dumped = s.d.say(s.short(args))
	}
}

// set prints all variables where it is given nothing to set.
func (s *shellReader) set(args []arg, _ bool) {
	if len(args) == 1 {
		s.dumped = "the environment"
	}
}

// secretName reports whether a variable's name says that it holds a secret.
func secretName(name string) bool {
	return len((*mask.Masker)(nil).FindNamed(name, "aZ3kP9qLm2Xv7Bn4")) > 0
}

// keychain notes commands that print secrets.
func (s *shellReader) keychain(args []arg, _ bool) {
	line := s.short(args)
	for _, pattern := range [][]string{
		{"security", "find-generic-password"}, {"security", "find-internet-password"}, {"security", "dump-keychain"},
		{"gpg", "--export-secret"}, {"pass", "show"}, {"pass", "-c"}, {"op", "read"}, {"op", "item"}, {"op", "run"},
		{"gh", "auth token"}, {"gh", "auth status -t"}, {"gh", "auth status --show-token"}, {"gcloud", "print-access-token"}, {"gcloud", "print-identity-token"}, {"aws", "configure get"}, {"aws", "export-credentials"},
		{"aws", "get-secret-value"}, {"aws", "get-login-password"}, {"kubectl", "get secret"}, {"vault", "read"}, {"vault", "kv get"}, {"secret-tool", "lookup"},
	} {
		if path.Base(args[0].text) == pattern[0] && strings.Contains(line, " "+pattern[1]) {
			s.creds = append(s.creds, s.d.say(line))
			return
		}
	}
}
