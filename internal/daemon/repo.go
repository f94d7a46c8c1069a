package daemon

import (
	"os"
	"path/filepath"
	"strings"
)

// repoOf names the repository that a folder is in and the branch that is
// checked out, from git's files. Outside of a repository the project is the
// folder's own name and the branch is empty.
func repoOf(cwd string) (project, branch string) {
	if !filepath.IsAbs(cwd) {
		return "", ""
	}
	for dir := filepath.Clean(cwd); ; dir = filepath.Dir(dir) {
		if head, ok := headOf(filepath.Join(dir, ".git")); ok {
			return filepath.Base(dir), branchIn(head)
		}
		if dir == filepath.Dir(dir) {
			return filepath.Base(cwd), ""
		}
	}
}

// headOf reads HEAD of a repository, or of a work tree, whose .git is a file
// that names its folder.
func headOf(git string) (string, bool) {
	info, err := os.Stat(git)
	if err != nil {
		return "", false
	}
	if info.Mode().IsRegular() && info.Size() < 4096 {
		content, err := os.ReadFile(git)
		if err != nil {
			return "", false
		}
		dir, ok := strings.CutPrefix(strings.TrimSpace(string(content)), "gitdir: ")
		if !ok {
			return "", false
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(git), dir)
		}
		git = dir
	}
	head, err := os.ReadFile(filepath.Join(git, "HEAD"))
	if err != nil || len(head) > 4096 {
		return "", false
	}
	return strings.TrimSpace(string(head)), true
}

// branchIn is the branch that HEAD names, or the start of the commit that it is
// detached at.
func branchIn(head string) string {
	if ref, ok := strings.CutPrefix(head, "ref: "); ok {
		return strings.TrimPrefix(ref, "refs/heads/")
	}
	return head[:min(len(head), 12)]
}
