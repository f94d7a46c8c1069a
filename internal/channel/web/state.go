package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/secret"
)

// The files that the page keeps in the state folder.
const (
	tokenFile = "web-token" // the secret of the link, mode 0600
	portFile  = "web-port"  // the free port that was taken last
)

// loadToken reads the secret of the link, or makes one: 130 random bits. It
// stays the same for good, so that a phone can keep the link. Where it can be
// neither read nor kept, as on a disk that is full, it is a new one that holds
// until the daemon ends, and the error says so.
func loadToken(dir string) (secret.Text, error) {
	path := filepath.Join(dir, tokenFile)
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return secret.Of(rand.Text()), fmt.Errorf("cannot read the secret of the page's link: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		token = rand.Text()
		if err := replace(dir, tokenFile, token+"\n"); err != nil {
			return secret.Of(token), fmt.Errorf("cannot keep the secret of the page's link: %w", err)
		}
		return secret.Of(token), nil
	}
	if len(token) < 22 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return secret.Text{}, fmt.Errorf("cannot use %s: it is not the secret of a link; remove it to get a new one", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 {
		if err := os.Chmod(path, 0o600); err != nil {
			return secret.Text{}, fmt.Errorf("cannot keep the secret of the page's link to its owner: %w", err)
		}
	}
	return secret.Of(token), nil
}

// lastPort is the port that was taken last where any would do; 0: not known.
func lastPort(dir string) int {
	raw, err := os.ReadFile(filepath.Join(dir, portFile))
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

func keepPort(dir string, port int) error {
	if port == lastPort(dir) {
		return nil
	}
	return replace(dir, portFile, strconv.Itoa(port)+"\n")
}

// replace writes a file of the state folder, whole or not at all, for the
// owner alone.
func replace(dir, name, content string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.WriteString(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(dir, name))
}
