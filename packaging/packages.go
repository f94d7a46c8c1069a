package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

const (
	summary  = "Answer Claude Code's permission questions from wherever you are"
	longText = "Carries Claude Code's permission questions to a page on your phone, a card in\nSlack, or another terminal, and your answer back. After the installation, each\nuser runs: claude-permission-daemon setup"
)

// packages makes a .deb and an .rpm for each Linux target, by nfpm.
func (r *release) packages(extras []file) error {
	for _, t := range targets {
		if t.os != "linux" {
			continue
		}
		for _, kind := range []string{"deb", "rpm"} {
			config, err := r.nfpmConfig(t, kind, extras)
			if err != nil {
				return err
			}
			if err := runNFPM(config, kind, r.dist, r.when.Unix()); err != nil {
				return fmt.Errorf("cannot make the %s for %s: %w", kind, t.arch, err)
			}
		}
	}
	return nil
}

func runNFPM(config, kind, to string, when int64) error {
	args := []string{"package", "--config", config, "--packager", kind, "--target", to + "/"}
	cmd := exec.Command("nfpm", args...)
	if cmd.Err != nil { // it is not installed
		cmd = exec.Command("go", append([]string{"run", nfpm}, args...)...)
	}
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", when))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// nfpmConfig writes the files of a package and the list of them that nfpm wants.
// The list is YAML, of which JSON is a part.
func (r *release) nfpmConfig(t target, kind string, extras []file) (string, error) {
	root := filepath.Join(r.work, "package_"+t.arch+"_"+kind)
	type content struct {
		Src      string `json:"src"`
		Dst      string `json:"dst"`
		Type     string `json:"type,omitempty"`
		FileInfo any    `json:"file_info"`
	}
	var contents []content
	info := func(mode int) any {
		return map[string]any{"mode": mode, "mtime": r.when, "owner": "root", "group": "root"}
	}
	add := func(dst string, text []byte) error {
		src := filepath.Join(root, filepath.FromSlash(dst))
		if err := os.MkdirAll(filepath.Dir(src), 0o755); err != nil {
			return fmt.Errorf("cannot make a package: %w", err)
		}
		if err := os.WriteFile(src, text, 0o644); err != nil {
			return fmt.Errorf("cannot make a package: %w", err)
		}
		contents = append(contents, content{Src: src, Dst: dst, FileInfo: info(0o644)})
		return nil
	}
	for _, program := range []string{name, hook} {
		contents = append(contents, content{Src: r.bin(t, program), Dst: "/usr/bin/" + program, FileInfo: info(0o755)})
	}
	serviceUnit, socketUnit, err := units()
	if err != nil {
		return "", err
	}
	files := append([]file{
		{name: "/usr/lib/systemd/user/" + name + ".service", content: []byte(serviceUnit)},
		{name: "/usr/lib/systemd/user/" + name + ".socket", content: []byte(socketUnit)},
	}, extras...)
	for _, f := range files {
		dst, text := place(f, kind)
		if err := add(dst, text); err != nil {
			return "", err
		}
	}
	config, err := json.MarshalIndent(map[string]any{
		"name": name, "arch": t.arch, "platform": "linux", "version": r.version, "version_schema": "semver", "release": "1",
		"section": "utils", "priority": "optional", "license": "MIT", "homepage": r.home,
		"maintainer": "The " + name + " maintainers <maintainers@example.com>", "description": summary + "\n" + longText,
		"mtime": r.when, "contents": contents,
	}, "", " ")
	if err != nil {
		return "", fmt.Errorf("cannot describe the package: %w", err)
	}
	file := filepath.Join(r.work, "nfpm_"+t.arch+"_"+kind+".yaml")
	if err := os.WriteFile(file, config, 0o644); err != nil {
		return "", fmt.Errorf("cannot describe the package: %w", err)
	}
	return file, nil
}

// place says where a file of the archives goes on a system, and in what form.
func place(f file, kind string) (dst string, text []byte) {
	base := path.Base(f.name)
	switch {
	case strings.HasPrefix(f.name, "/"):
		return f.name, f.content
	case strings.HasPrefix(f.name, "man/"):
		return "/usr/share/man/man1/" + base + ".gz", squeezed(f.content)
	case strings.HasSuffix(f.name, ".bash"):
		return "/usr/share/bash-completion/completions/" + name, f.content
	case strings.HasSuffix(f.name, ".fish"):
		return "/usr/share/fish/vendor_completions.d/" + base, f.content
	case f.name == "completions/_"+name && kind == "deb":
		return "/usr/share/zsh/vendor-completions/" + base, f.content
	case f.name == "completions/_"+name:
		return "/usr/share/zsh/site-functions/" + base, f.content
	case f.name == "LICENSE" && kind == "deb":
		return "/usr/share/doc/" + name + "/copyright", f.content
	case f.name == "example/config.toml":
		return "/usr/share/doc/" + name + "/examples/config.toml", f.content
	}
	return "/usr/share/doc/" + name + "/" + f.name, f.content
}

// squeezed is gzip without a time.
func squeezed(text []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
	_, _ = z.Write(text)                                  // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// formula writes Homebrew's, with the sums of the archives.
func (r *release) formula() error {
	sums := make(map[target]string)
	for _, t := range targets {
		sum, err := sumOf(filepath.Join(r.dist, r.archiveName(t)))
		if err != nil {
			return err
		}
		sums[t] = sum
	}
	return r.write(name+".rb", []byte(r.formulaText(sums)))
}

func (r *release) formulaText(sums map[target]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "class ClaudePermissionDaemon < Formula\n  desc %q\n  homepage %q\n  version %q\n  license \"MIT\"\n", summary, r.home, r.version)
	for _, system := range []struct{ os, block string }{{"darwin", "on_macos"}, {"linux", "on_linux"}} {
		fmt.Fprintf(&b, "\n  %s do\n", system.block)
		for _, arch := range []struct{ arch, block string }{{"arm64", "on_arm"}, {"amd64", "on_intel"}} {
			t := target{system.os, arch.arch}
			fmt.Fprintf(&b, "    %s do\n      url \"%s/v%s/%s\"\n      sha256 %q\n    end\n", arch.block, r.url, r.version, strings.ReplaceAll(r.archiveName(t), "+", "%2B"), sums[t])
		}
		b.WriteString("  end\n")
	}
	b.WriteString(`
  def install
    bin.install "claude-permission-daemon", "claude-permission-hook"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/claude-permission-daemon.bash" => "claude-permission-daemon"
    zsh_completion.install "completions/_claude-permission-daemon"
    fish_completion.install "completions/claude-permission-daemon.fish"
    pkgshare.install "example/config.toml"
  end

  def caveats
    "Set it up with: claude-permission-daemon setup"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/claude-permission-hook --version")
  end
end
`)
	return b.String()
}
