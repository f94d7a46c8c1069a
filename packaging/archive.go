package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"claude-permission-daemon/internal/service"
)

// file is one file of an archive or package.
type file struct {
	name    string // with slashes
	content []byte
	mode    fs.FileMode
}

// extras are the files beside the programs, by their names in an archive: what
// the tree has, and what the program itself makes.
func (r *release) extras() ([]file, error) {
	var files []file
	for _, from := range []string{"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "example/config.toml"} {
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, fmt.Errorf("cannot take along: %w", err)
		}
		files = append(files, file{from, content, 0o644})
	}
	docs, err := os.ReadDir("docs")
	if err != nil {
		return nil, fmt.Errorf("cannot take along: %w", err)
	}
	for _, doc := range docs {
		if path.Ext(doc.Name()) != ".md" {
			continue
		}
		content, err := os.ReadFile("docs/" + doc.Name())
		if err != nil {
			return nil, fmt.Errorf("cannot take along: %w", err)
		}
		files = append(files, file{"docs/" + doc.Name(), content, 0o644})
	}
	here, err := host()
	if err != nil {
		return nil, err
	}
	for _, made := range []struct {
		name string
		args []string
	}{
		{"man/" + name + ".1", []string{"man"}},
		{"man/" + hook + ".1", []string{"man", "hook"}},
		{"completions/" + name + ".bash", []string{"completion", "bash"}},
		{"completions/_" + name, []string{"completion", "zsh"}},
		{"completions/" + name + ".fish", []string{"completion", "fish"}},
	} {
		text, err := output(r.bin(here, name), made.args...)
		if err != nil {
			return nil, fmt.Errorf("cannot make %s: %w", made.name, err)
		}
		files = append(files, file{made.name, []byte(text + "\n"), 0o644})
	}
	return files, nil
}

// units are systemd's, for a program in /usr/bin.
func units() (serviceUnit, socketUnit string, err error) {
	u := service.Unit{Program: "/usr/bin/" + name, Marker: "# Of the package: your own changes go into drop-ins (systemctl --user edit)."}
	if serviceUnit, err = u.ServiceUnit(); err == nil {
		socketUnit, err = u.SocketUnit()
	}
	return serviceUnit, socketUnit, err
}

func (r *release) archiveName(t target) string {
	ending := ".tar.gz"
	if t.os == "windows" {
		ending = ".zip"
	}
	return name + "_" + r.version + "_" + t.os + "_" + t.arch + ending
}

// archive packs the programs for a system and what belongs to them.
func (r *release) archive(t target, extras []file) error {
	var files []file
	for _, program := range []string{name, hook} {
		content, err := os.ReadFile(r.bin(t, program))
		if err != nil {
			return fmt.Errorf("cannot pack: %w", err)
		}
		if t.os == "windows" {
			program += ".exe"
		}
		files = append(files, file{program, content, 0o755})
	}
	pack := tarball
	if t.os == "windows" {
		pack = zipped
	}
	packed, err := pack(name+"_"+r.version, append(files, extras...), r.when)
	if err != nil {
		return fmt.Errorf("cannot pack for %s/%s: %w", t.os, t.arch, err)
	}
	return r.write(r.archiveName(t), packed)
}

// tarball packs files below a folder, all of one time and of nobody.
func tarball(folder string, files []file, when time.Time) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{Name: path.Join(folder, f.name), Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: when, Format: tar.FormatPAX})
		if err == nil {
			_, err = w.Write(f.content)
		}
		if err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), z.Close())
	return packed.Bytes(), err
}

// zipped does the same as a zip file.
func zipped(folder string, files []file, when time.Time) ([]byte, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, f := range files {
		h := &zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: when}
		h.SetMode(f.mode)
		to, err := w.CreateHeader(h)
		if err == nil {
			_, err = to.Write(f.content)
		}
		if err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return packed.Bytes(), err
}
