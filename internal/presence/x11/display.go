package x11

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/presence"
)

// socketDir is where local X servers listen.
const socketDir = "/tmp/.X11-unix"

// display is one server that may be there.
type display struct {
	number string
	socket string
}

// displays lists the servers to try: the one that DISPLAY names, or every
// local one. A display of another machine is never tried.
func (s *Source) displays() []display {
	named := s.getenv("DISPLAY")
	if named == "" {
		var all []display
		sockets, err := filepath.Glob(filepath.Join(s.sockets, "X*"))
		if err != nil {
			return nil // the folder's name is no pattern
		}
		for _, socket := range sockets {
			number := strings.TrimPrefix(filepath.Base(socket), "X")
			if _, err := strconv.Atoi(number); err == nil {
				all = append(all, display{number, socket})
			}
		}
		return all
	}
	host, number, ok := cutLast(named, ":")
	number, _, _ = strings.Cut(number, ".") // the screen's number
	if _, err := strconv.Atoi(number); !ok || err != nil {
		return nil
	}
	switch {
	case host == "" || host == "unix":
		return []display{{number, filepath.Join(s.sockets, "X"+number)}}
	case strings.HasPrefix(host, "/"): // XQuartz
		return []display{{number, host + ":" + number}}
	}
	return nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// cookie is the secret by which the server knows its user; empty if there is
// none, which may do.
func (s *Source) cookie(number string) []byte {
	files := []string{s.getenv("XAUTHORITY")}
	if files[0] == "" {
		files = []string{
			filepath.Join(s.getenv("HOME"), ".Xauthority"),
			filepath.Join(presence.RuntimeDir(s.getenv), "gdm", "Xauthority"),
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if cookie := findCookie(text, host, number); cookie != nil {
			return cookie
		}
	}
	return nil
}

// The address families of an authority file's entries that matter here.
const (
	familyLocal = 256
	familyWild  = 65535
)

// findCookie reads an authority file, as Xau(3) describes it: entries of a
// family and four counted strings, big-endian.
func findCookie(text []byte, host, number string) []byte {
	for len(text) >= 2 {
		family := binary.BigEndian.Uint16(text)
		text = text[2:]
		var field [4][]byte // address, display, name, data
		for i := range field {
			if len(text) < 2 {
				return nil
			}
			n := int(binary.BigEndian.Uint16(text))
			if len(text) < 2+n {
				return nil
			}
			field[i], text = text[2:2+n], text[2+n:]
		}
		ours := family == familyWild || family == familyLocal && string(field[0]) == host
		this := len(field[1]) == 0 || string(field[1]) == number
		if ours && this && string(field[2]) == cookieAuth {
			return field[3]
		}
	}
	return nil
}
