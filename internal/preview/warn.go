package preview

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// warnKind is one entry of the list of warnings. docs/warnings.md explains
// each; the order here is that in which a card has them.
type warnKind int

const (
	notParsed warnKind = iota
	deletesOutside
	deletesProject
	deletesUnknown
	networkToShell
	credentialsSent
	secretSent
	credentialsRead
	credentialsWritten
	asRoot
	forcePush
	openToAll
	setuid
	startupFile
	gitHook
	claudeSettings
	ciFile
	scheduled
	linkOut
	writesOutside
	noSandbox
	modeWithoutAsking
	strangeHost
	userInAddress
	oddAddress
	hiddenText
	lookalikeText
	warnKinds // how many there are
)

// warnTexts say each warning; what it is about follows after a colon.
var warnTexts = [warnKinds]string{
	notParsed:          "This program could not read the shell command, so it looked for nothing in it",
	deletesOutside:     "Deletes outside the project",
	deletesProject:     "Deletes the project's own folder, or all that is in it",
	deletesUnknown:     "Deletes something that cannot be told from here",
	networkToShell:     "Runs what it gets from the network",
	credentialsSent:    "Reads credentials and uses the network",
	secretSent:         "Sends a secret that stands in the request",
	credentialsRead:    "Reads credentials",
	credentialsWritten: "Writes a file of credentials",
	asRoot:             "Runs as another user",
	forcePush:          "Overwrites history on a git remote",
	openToAll:          "Lets everybody on the machine write",
	setuid:             "Makes a program run with its owner's rights",
	startupFile:        "Writes to a file that runs when you log in or open a shell",
	gitHook:            "Changes what git runs by itself",
	claudeSettings:     "Changes Claude Code's own settings",
	ciFile:             "Changes what the CI runs",
	scheduled:          "Starts something that runs later by itself",
	linkOut:            "A symbolic link leads out of the project",
	writesOutside:      "Writes outside the project",
	noSandbox:          "Runs outside Claude Code's sandbox",
	modeWithoutAsking:  "The subagent will not ask for permission",
	strangeHost:        "The address has letters that look like others",
	userInAddress:      "The address has a user name before the host, which may look like the host",
	oddAddress:         "The address may seem to lead to another host than it does",
	hiddenText:         "Has text that a screen would not show",
	lookalikeText:      "Has words that look like others",
}

// warning is one finding. The detail has been through show.
type warning struct {
	kind   warnKind
	detail string
}

// warn adds a warning. The detail is made visible by the caller.
func (d *drawing) warn(kind warnKind, detail string) {
	d.warned = append(d.warned, warning{kind, detail})
}

// warnings are the sentences, each kind once with all it is about.
func warnings(all []warning) []string {
	var out []string
	for kind := range warnKinds {
		var details []string
		hit := false
		for _, w := range all {
			if w.kind != kind {
				continue
			}
			hit = true
			if w.detail != "" && !slices.Contains(details, w.detail) {
				details = append(details, w.detail)
			}
		}
		if !hit {
			continue
		}
		said := warnTexts[kind]
		if len(details) > 0 {
			said += ": " + listed(details)
		}
		out = append(out, said)
	}
	return out
}

// listed joins at most five details, each on one line and of at most 100
// characters, and says how many more there are.
func listed(details []string) string {
	const most = 5
	var b strings.Builder
	for i, detail := range details {
		if i == most {
			b.WriteString(" and " + count(len(details)-most, "other"))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		detail = strings.ReplaceAll(detail, "\n", " ")
		if utf8.RuneCountInString(detail) > 100 {
			end := 0
			for range 99 {
				_, size := utf8.DecodeRuneInString(detail[end:])
				end += size
			}
			detail = detail[:wholeBrackets(detail, end)] + "…"
		}
		b.WriteString(detail)
	}
	return b.String()
}

// A place is a rule about paths: a file that means something wherever it is
// (name), in the home folder (home), or by its full path (full). A trailing
// "/" stands for everything below.
type place struct {
	kind warnKind
	home []string // below the home folder
	full []string // absolute
	any  []string // anywhere: the last parts of the path
}

// writtenPlaces are files that do something by being written.
var writtenPlaces = []place{
	{
		kind: startupFile,
		home: []string{
			".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout",
			".kshrc", ".cshrc", ".tcshrc", ".login", ".inputrc", ".xinitrc", ".xprofile", ".xsession", ".xsessionrc", ".pam_environment",
			".config/fish/", ".config/autostart/", ".config/environment.d/", ".config/systemd/", ".config/nushell/", ".local/share/systemd/",
			".ssh/authorized_keys", ".ssh/rc", ".ssh/config", ".ssh/environment", ".vimrc", ".config/nvim/init.lua", ".tmux.conf", ".envrc",
			"Library/LaunchAgents/", ".config/hypr/hyprland.conf", ".config/sway/config", ".config/i3/config",
		},
		full: []string{"/etc/profile", "/etc/profile.d/", "/etc/bash.bashrc", "/etc/zsh/", "/etc/environment", "/etc/systemd/", "/etc/init.d/", "/etc/rc.local", "/etc/ld.so.preload", "/etc/sudoers", "/etc/sudoers.d/", "/etc/passwd", "/Library/LaunchDaemons/", "/Library/LaunchAgents/", "/usr/lib/systemd/", "/lib/systemd/"},
		any:  []string{".envrc", ".bashrc", ".zshrc", ".profile", ".zshenv", ".bash_profile"},
	},
	{kind: gitHook, home: []string{".gitconfig", ".config/git/"}, full: []string{"/etc/gitconfig"}, any: []string{".git/hooks/", ".git/config", ".githooks/", ".husky/", ".pre-commit-config.yaml", "lefthook.yml", ".gitattributes"}},
	{kind: claudeSettings, home: []string{".claude/", ".claude.json"}, full: []string{"/etc/claude-code/"}, any: []string{".claude/", ".mcp.json", "CLAUDE.md", "CLAUDE.local.md", ".claude.json"}},
	{kind: ciFile, any: []string{".github/workflows/", ".github/actions/", ".gitlab-ci.yml", ".gitlab/ci/", ".circleci/", ".travis.yml", "Jenkinsfile", "azure-pipelines.yml", ".buildkite/", ".drone.yml", "bitbucket-pipelines.yml", ".woodpecker/", ".woodpecker.yml", ".forgejo/workflows/", ".gitea/workflows/", "appveyor.yml", ".teamcity/", ".ci/"}},
	{kind: scheduled, full: []string{"/etc/crontab", "/etc/cron.d/", "/etc/cron.daily/", "/etc/cron.hourly/", "/etc/cron.weekly/", "/etc/cron.monthly/", "/var/spool/cron/"}},
}

// credentialPlaces are files that hold credentials.
var credentialPlaces = place{
	home: []string{
		".ssh/", ".aws/credentials", ".aws/sso/", ".netrc", ".npmrc", ".yarnrc.yml", ".pypirc", ".docker/config.json", ".kube/config", ".gnupg/", ".git-credentials",
		".config/gh/hosts.yml", ".config/glab-cli/", ".config/gcloud/", ".config/hub", ".azure/", ".config/op/", ".terraform.d/credentials.tfrc.json", ".cargo/credentials", ".cargo/credentials.toml",
		".gem/credentials", ".config/rclone/rclone.conf", ".pgpass", ".my.cnf", ".vault-token", ".claude/.credentials.json", ".codex/auth.json", ".password-store/", ".local/share/keyrings/",
		".mozilla/firefox/", ".config/google-chrome/", ".config/chromium/", "Library/Keychains/", "Library/Application Support/Google/Chrome/", ".config/claude-permission-daemon/", ".bash_history", ".zsh_history", ".boto", ".s3cfg",
	},
	full: []string{"/etc/shadow", "/etc/gshadow", "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private/", "/root/.ssh/", "/var/run/secrets/", "/run/secrets/"},
	any: []string{
		".env", ".env.local", ".env.production", ".env.development", ".env.staging", ".env.test", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", ".htpasswd",
		"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials.json", "service-account.json", "secrets.yml", "secrets.yaml", "secrets.json", "terraform.tfstate", "kubeconfig", "master.key", ".vault-token",
	},
}

// harmless are files in those places that hold no secret.
func harmless(path string) bool {
	base := filepath.Base(path)
	return strings.HasSuffix(base, ".pub") || base == "known_hosts" || strings.HasSuffix(path, "/.ssh/config") || base == "authorized_keys" ||
		base == ".env.example" || base == ".env.sample" || base == ".env.template"
}

// judgePath warns of a path that is read or written.
func (d *drawing) judgePath(abs string, u use) {
	if u == reading {
		if d.isCredential(abs) {
			d.warn(credentialsRead, d.say(d.short(abs)))
		}
		return
	}
	for _, p := range writtenPlaces {
		if d.at(abs, p) {
			d.warn(p.kind, d.say(d.short(abs)))
		}
	}
}

// isCredential reports whether the file at abs commonly holds credentials.
func (d *drawing) isCredential(abs string) bool {
	if harmless(abs) {
		return false
	}
	if d.at(abs, credentialPlaces) {
		return true
	}
	switch strings.ToLower(filepath.Ext(abs)) {
	case ".pem", ".key", ".p12", ".pfx", ".jks", ".kdbx":
		return true
	}
	return strings.HasPrefix(abs, "/proc/") && strings.HasSuffix(abs, "/environ")
}

// matchesCredential reports whether a pattern of a shell names such a file
// plainly enough: .env*, but not *.json.
func (d *drawing) matchesCredential(pattern string) bool {
	base := filepath.Base(pattern)
	if strings.IndexAny(base, "*?[") < 2 {
		return false
	}
	fits := func(name string) bool {
		ok, err := filepath.Match(pattern, name)
		return ok && err == nil
	}
	dir := filepath.Dir(pattern)
	return slices.ContainsFunc(credentialPlaces.any, func(name string) bool { return fits(filepath.Join(dir, name)) }) ||
		slices.ContainsFunc(credentialPlaces.full, fits) ||
		d.o.Home != "" && slices.ContainsFunc(credentialPlaces.home, func(name string) bool { return fits(filepath.Join(d.o.Home, name)) })
}

// at reports whether path is at the place.
func (d *drawing) at(path string, p place) bool {
	for _, want := range p.full {
		if placed(path, want) {
			return true
		}
	}
	if d.o.Home != "" && within(path, d.o.Home) {
		below := strings.TrimPrefix(path, strings.TrimSuffix(d.o.Home, "/")+"/")
		for _, want := range p.home {
			if placed(below, want) {
				return true
			}
		}
	}
	for _, want := range p.any {
		if name, isDir := strings.CutSuffix(want, "/"); isDir {
			if strings.Contains(path+"/", "/"+name+"/") {
				return true
			}
		} else if strings.HasSuffix(path, "/"+want) {
			return true
		}
	}
	return false
}

func placed(path, want string) bool {
	if dir, isDir := strings.CutSuffix(want, "/"); isDir {
		return within(path, dir)
	}
	return path == want
}
