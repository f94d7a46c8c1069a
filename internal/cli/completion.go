package cli

import (
	"fmt"
	"strings"
)

const program = "claude-permission-daemon"

// openIDs is how a shell asks for the ids of what is open.
const openIDs = program + ` pending 2>/dev/null | awk 'NR > 1 { print $1 }'`

// bashCompletion is a function for bash 3.2 and later.
func bashCompletion() string {
	var b strings.Builder
	b.WriteString(`# bash completion for ` + program + `; made by "` + program + ` completion bash".
_claude_permission_daemon() {
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= words= i
    case $before in
`)
	paths, values := valued()
	fmt.Fprintf(&b, "        %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", strings.Join(paths, "|"))
	fmt.Fprintf(&b, "        %s) return ;;\n    esac\n", strings.Join(values, "|"))
	b.WriteString("    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n")
	fmt.Fprintf(&b, "            %s) i=$((i + 1)) ;;\n", strings.Join(append(paths, values...), "|"))
	b.WriteString("            -*) ;;\n            *) verb=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n    case $verb in\n")
	row := func(pattern string, words []string, ids bool) {
		fmt.Fprintf(&b, "        %s) words='%s' ;;\n", pattern, strings.Join(words, " "))
		if ids {
			fmt.Fprintf(&b, "        %s) words=\"$words $(%s)\" ;;\n", pattern, openIDs)
		}
	}
	first := []string{"help", "--version"}
	for _, v := range verbs() {
		first = append(first, v.name)
	}
	row("''", append(first, dashes(globals())...), false)
	for _, v := range verbs() {
		words := append(append([]string{}, v.words...), dashes(v.flags)...)
		words = append(words, dashes(globals())...)
		if v.ids {
			fmt.Fprintf(&b, "        %s) words=\"%s $(%s)\" ;;\n", v.name, strings.Join(words, " "), openIDs)
			continue
		}
		row(v.name, words, false)
	}
	b.WriteString(`    esac
    # A dash only where one is typed: there are many flags.
    local word kept=
    for word in $words; do
        case $word in
            -*) case $cur in -*) kept="$kept $word" ;; esac ;;
            *) kept="$kept $word" ;;
        esac
    done
    COMPREPLY=($(compgen -W "$kept" -- "$cur"))
}
complete -F _claude_permission_daemon ` + program + "\n")
	return b.String()
}

// valued are the flags that something follows: files, and the rest.
func valued() (paths, values []string) {
	seen := map[string]bool{}
	for _, o := range allOptions() {
		switch {
		case o.value == "" || seen[o.dashed()]:
		case o.path():
			paths = append(paths, o.dashed())
		default:
			values = append(values, o.dashed())
		}
		seen[o.dashed()] = true
	}
	return paths, values
}

func allOptions() []option {
	all := globals()
	for _, v := range verbs() {
		all = append(all, v.flags...)
	}
	return all
}

func dashes(options []option) []string {
	words := []string{"--help"}
	for _, o := range options {
		words = append(words, o.dashed())
	}
	return words
}

// zshCompletion is a function for zsh's completion system.
func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef " + program + "\n# Made by \"" + program + " completion zsh\".\n_claude_permission_daemon() {\n")
	b.WriteString("    local context state state_descr line ret=1\n    typeset -A opt_args\n")
	b.WriteString("    _arguments -C \\\n")
	for _, o := range append(globals(), option{"help", "", "print help"}, option{"version", "", "print the version and exit"}) {
		fmt.Fprintf(&b, "        %s \\\n", zshOption(o))
	}
	b.WriteString("        '1:command:->command' '*::argument:->argument' && ret=0\n    case $state in\n    command)\n        local -a verbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "            %s\n", zshQuote(v.name+":"+v.short))
	}
	b.WriteString("        )\n        _describe command verbs && ret=0 ;;\n    argument)\n        case $line[1] in\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "        %s) _arguments", v.name)
		for _, o := range append(append([]option{{"help", "", "print help"}}, v.flags...), globals()...) {
			b.WriteString(" " + zshOption(o))
		}
		switch {
		case v.ids:
			fmt.Fprintf(&b, " %s", zshQuote("*:request:($("+openIDs+"))"))
		case len(v.words) > 0:
			fmt.Fprintf(&b, " %s", zshQuote("1:argument:("+strings.Join(v.words, " ")+")"))
		}
		b.WriteString(" && ret=0 ;;\n")
	}
	b.WriteString("        esac ;;\n    esac\n    return ret\n}\n")
	// Autoloaded from a file of its name it runs at once; sourced it registers.
	b.WriteString("if [ \"$funcstack[1]\" = _" + program + " ]; then\n    _claude_permission_daemon \"$@\"\nelse\n    compdef _claude_permission_daemon " + program + "\nfi\n")
	return b.String()
}

func zshOption(o option) string {
	said := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(o.usage)
	spec := o.dashed() + "[" + said + "]"
	switch {
	case o.path():
		spec += ":" + o.value + ":_files"
	case o.value != "":
		spec += ":" + o.value + ": "
	}
	return zshQuote(spec)
}

func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishCompletion is a list for fish.
func fishCompletion() string {
	var b strings.Builder
	paths, values := valued()
	b.WriteString("# Made by \"" + program + " completion fish\".\n")
	b.WriteString("function __claude_permission_daemon_verb\n    set -l words (commandline -opc)[2..-1]\n    while set -q words[1]\n        switch $words[1]\n")
	fmt.Fprintf(&b, "            case %s\n                set -e words[1]\n            case '-*'\n            case '*'\n", strings.Join(append(paths, values...), " "))
	b.WriteString("                echo $words[1]\n                return\n        end\n        set -q words[1]; and set -e words[1]\n    end\n    return 1\nend\n")
	b.WriteString("complete -c " + program + " -f\n")
	flagLine := func(condition string, o option) {
		kind := "-l"
		if len([]rune(o.name)) == 1 {
			kind = "-s"
		}
		fmt.Fprintf(&b, "complete -c %s%s %s %s -d %s", program, condition, kind, o.name, fishQuote(o.usage))
		switch {
		case o.path():
			b.WriteString(" -r -F")
		case o.value != "":
			b.WriteString(" -x")
		}
		b.WriteString("\n")
	}
	for _, o := range append(globals(), option{"help", "", "print help"}) {
		flagLine("", o)
	}
	for _, v := range verbs() {
		fmt.Fprintf(&b, "complete -c %s -n 'not __claude_permission_daemon_verb >/dev/null' -a %s -d %s\n", program, v.name, fishQuote(v.short))
	}
	for _, v := range verbs() {
		condition := " -n 'test (__claude_permission_daemon_verb; or echo) = " + v.name + "'"
		for _, o := range v.flags {
			flagLine(condition, o)
		}
		if len(v.words) > 0 {
			fmt.Fprintf(&b, "complete -c %s%s -a '%s'\n", program, condition, strings.Join(v.words, " "))
		}
		if v.ids {
			fmt.Fprintf(&b, "complete -c %s%s -a %s\n", program, condition, fishQuote("("+openIDs+")"))
		}
	}
	return b.String()
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
