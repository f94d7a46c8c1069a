package claude

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// This file tells the updates that allow far more than what was asked, so that
// they can be offered with a warning. What it does not know it does not warn of.

// broad says what is far too much about the update; empty: nothing, as far as
// this program can tell.
func (u update) broad() string {
	var said []string
	add := func(warning string) {
		if warning != "" && !slices.Contains(said, warning) {
			said = append(said, warning)
		}
	}
	switch u.Type {
	case "setMode":
		add(modes[u.Mode].broad)
	case "addDirectories":
		for _, dir := range u.Directories {
			if wide(dir) {
				add(fmt.Sprintf("Very broad: everything in %s.", dir))
			}
		}
	case "addRules":
		for _, r := range u.Rules {
			add(r.broad())
		}
	}
	return strings.Join(said, " ")
}

func (r rule) broad() string {
	switch server, mcp := strings.CutPrefix(r.Tool, "mcp__"); {
	case r.Tool == "*":
		return "Very broad: every tool is allowed."
	case mcp && (!strings.Contains(server, "__") || strings.HasSuffix(server, "__*")) && !strings.HasPrefix(server, "*"):
		return fmt.Sprintf("Very broad: every tool of the MCP server %s is allowed.", strings.TrimSuffix(server, "__*"))
	case strings.Contains(r.Tool, "*"):
		return fmt.Sprintf("Very broad: every tool that %s stands for is allowed.", r.Tool)
	}
	switch content := strings.TrimSpace(r.Content); r.Tool {
	case "Bash", "PowerShell", "Monitor":
		return broadCommand(content)
	case "Read", "Grep", "Glob":
		return broadPath("read", content)
	case "Edit", "MultiEdit", "Write", "NotebookEdit":
		return broadPath("changed", content)
	case "WebFetch":
		return broadHost(content)
	}
	return ""
}

// runner is a program that runs what it is given.
type runner struct {
	// told is how many words after its own say what it runs; beyond any number
	// where none do.
	told int
	// code are the letters of the options whose value is a program.
	code string
	// stdin: it reads a program where it is given none.
	stdin bool
}

const never = 1 << 20

// runners are those that come up in rules; "docker run" is one of two words.
var runners = map[string]runner{
	"sh": {1, "c", true}, "bash": {1, "c", true}, "zsh": {1, "c", true}, "dash": {1, "c", true}, "fish": {1, "c", true}, "ksh": {1, "c", true},
	"pwsh": {1, "c", true}, "powershell": {1, "c", true}, "cmd": {never, "", true}, "iex": {never, "", false}, "invoke-expression": {never, "", false},
	"python": {1, "c", true}, "pypy": {1, "c", true}, "perl": {1, "eE", true}, "ruby": {1, "e", true}, "node": {1, "ep", true}, "php": {1, "rBRE", true},
	"lua": {1, "e", true}, "osascript": {1, "e", true}, "deno": {1, "", true}, "deno run": {1, "", true}, "deno eval": {never, "", false},
	"bun": {1, "ep", true}, "awk": {1, "", false}, "gawk": {1, "", false},
	"npx": {1, "c", false}, "npm exec": {1, "c", false}, "npm x": {1, "c", false}, "pnpm dlx": {1, "", false}, "pnpm exec": {1, "", false},
	"yarn dlx": {1, "", false}, "yarn exec": {1, "", false}, "bunx": {1, "", false}, "uvx": {1, "", false}, "uv run": {1, "", false}, "pipx run": {1, "", false},
	"go run": {1, "", false}, "docker": {1, "", false}, "podman": {1, "", false}, "docker run": {1, "", false}, "podman run": {1, "", false},
	"docker exec": {2, "", false}, "podman exec": {2, "", false}, "kubectl exec": {2, "", false},
	"ssh": {2, "", false}, "su": {never, "", false}, "eval": {never, "", false}, "make": {1, "", false}, "find": {1, "", false},
}

// wrappers run the command after them; the options listed take a value.
var wrappers = map[string]string{
	"sudo": "-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot", "doas": "-u -C", "env": "-u -C --unset --chdir",
	"nice": "-n --adjustment", "nohup": "", "setsid": "", "time": "-f -o", "timeout": "-s -k --signal --kill-after", "command": "", "builtin": "",
	"exec": "-a", "stdbuf": "-i -o -e", "watch": "-n --interval", "xargs": "-n -P -I -L -a -d -E -s", "chroot": "", "flock": "-w -E",
}

// before is how many words a wrapper has before the command.
var before = map[string]int{"timeout": 1, "chroot": 1, "flock": 1}

// senders reach any address, and take files along.
var senders = []string{"curl", "wget", "nc", "ncat", "netcat", "socat", "telnet", "ftp", "sftp", "scp", "rsync"}

// program is a command's name without its folder, .exe and version: python of
// /usr/bin/python3.12.
func program(word string) string {
	return strings.TrimRight(strings.TrimSuffix(strings.ToLower(path.Base(word)), ".exe"), "0123456789.")
}

// broadCommand judges the rule of a tool that runs commands: what stands before
// its first star is what a command must begin with.
func broadCommand(content string) string {
	told, _, open := strings.Cut(content, "*")
	if open {
		told = strings.TrimSuffix(told, ":")
	}
	words := strings.Fields(told)
	switch {
	case strings.Trim(content, "*: ") == "":
		return "Very broad: every command is allowed."
	case len(words) == 0:
		return fmt.Sprintf("Very broad: any command can be made to fit %s.", content)
	case open && len(words) == 1 && told == words[0] && !strings.Contains(content, ":*"):
		return fmt.Sprintf("Very broad: every command that begins with %s is allowed.", words[0])
	}
	for len(words) > 0 {
		name := program(words[0])
		valued, wraps := wrappers[name]
		switch {
		case isAssignment(words[0]):
			words = words[1:]
			continue
		case !wraps:
			return broadProgram(name, words, open)
		case len(words) == 1 && !open:
			return ""
		}
		rest := words[1:]
		for len(rest) > 0 && (strings.HasPrefix(rest[0], "-") || isAssignment(rest[0])) {
			if slices.Contains(strings.Fields(valued), rest[0]) && len(rest) > 1 {
				rest = rest[1:]
			}
			rest = rest[1:]
		}
		rest = rest[min(before[name], len(rest)):]
		if len(rest) == 0 && open {
			return fmt.Sprintf("Very broad: %s runs any command it is given.", words[0])
		}
		words = rest
	}
	if open {
		return "Very broad: every command is allowed."
	}
	return ""
}

func broadProgram(name string, words []string, open bool) string {
	shown, r, runs := words[0], runner{}, false
	if len(words) > 1 {
		if r, runs = runners[name+" "+words[1]]; runs {
			shown, words = shown+" "+words[1], words[1:]
		}
	}
	if !runs {
		r, runs = runners[name]
	}
	everything := fmt.Sprintf("Very broad: %s runs any command it is given.", shown)
	switch {
	case runs && !open:
		if r.stdin && len(words) == 1 {
			return everything
		}
	case runs:
		told := 0
		for _, word := range words[1:] {
			switch {
			case !strings.HasPrefix(word, "-"):
				told++
			case codeOption(word, r.code):
				return everything
			}
		}
		if told < r.told {
			return everything
		}
	case open && slices.Contains(senders, name) && len(words) == 1:
		return fmt.Sprintf("Very broad: %s reaches any address, and can send any file there.", shown)
	}
	return ""
}

// codeOption reports whether an option takes a program as its value: -c, -lc,
// --eval.
func codeOption(word, letters string) bool {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		name, _, _ := strings.Cut(long, "=")
		return slices.Contains([]string{"eval", "print", "command", "call"}, name)
	}
	return letters != "" && strings.ContainsAny(word[1:], letters)
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// broadPath judges the rule of a tool that reads or changes files. A pattern
// that ends in a name, as *.go, is none of everything.
func broadPath(done, content string) string {
	every := func(where string) string { return fmt.Sprintf("Very broad: every file%s may be %s.", where, done) }
	anchor, rest := "", content
	for _, a := range []string{"//", "~/", "/", "./"} {
		if after, ok := strings.CutPrefix(content, a); ok {
			anchor, rest = a, after
			break
		}
	}
	var dirs []string
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || strings.Trim(segment, "*") == "" {
			continue
		}
		if strings.ContainsAny(segment, "*?[") {
			return ""
		}
		dirs = append(dirs, segment)
	}
	switch dir := "/" + strings.Join(dirs, "/"); {
	case content == "" || anchor == "//" && dir == "/":
		return every("")
	case anchor == "//":
		if wide(dir) {
			return every(" in " + dir)
		}
	case content == "~" || anchor == "~/" && len(dirs) == 0:
		return every(" in your home folder")
	case len(dirs) == 0:
		return every(" of the project")
	}
	return ""
}

// wide reports whether a folder holds far more than a project: the root, what
// stands right below it, somebody's home, or what lies above the project.
func wide(dir string) bool {
	clean := path.Clean(strings.ReplaceAll(dir, `\`, "/"))
	if len(clean) > 1 && clean[1] == ':' { // C:\Users\ada
		clean = path.Join("/", clean[2:])
	}
	switch parent := path.Dir(clean); {
	case clean == "~" || clean == ".." || strings.HasPrefix(clean, "../"):
		return true
	case !path.IsAbs(clean):
		return false
	default:
		return parent == "/" || parent == "/home" || parent == "/Users"
	}
}

// broadHost judges a rule on addresses.
func broadHost(content string) string {
	host, ok := strings.CutPrefix(content, "domain:")
	host = strings.TrimSpace(host)
	star := strings.HasPrefix(host, "*")
	under, isUnder := strings.CutPrefix(host, "*.")
	switch {
	case content == "" || content == "*" || ok && strings.Trim(host, "*.") == "":
		return "Very broad: every address is allowed."
	case !ok || !star:
		return ""
	case !isUnder:
		return fmt.Sprintf("Very broad: every host whose name ends in %s is allowed.", strings.TrimLeft(host, "*"))
	case !strings.Contains(under, "."):
		return fmt.Sprintf("Very broad: every host below .%s is allowed.", under)
	}
	return ""
}
