package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// File is something that was uploaded.
type File struct {
	ID, Name, Title string
	Content         string
	Channel         string // empty until files.completeUploadExternal
}

type upload struct {
	File
	length int
	done   bool // the bytes arrived
}

func (s *Server) filesGetUploadURL(req *request) reply {
	n, err := strconv.Atoi(req.arg("length"))
	if err != nil || n <= 0 || req.arg("filename") == "" {
		return refuse("invalid_arguments")
	}
	s.serial++
	id := fmt.Sprintf("F%09d", s.serial)
	s.uploads[id] = &upload{File: File{ID: id, Name: req.arg("filename")}, length: n}
	return reply{"file_id": id, "upload_url": s.base("http") + "/upload/" + id}
}

// serveUpload takes the bytes, plain or as multipart; the token is not looked
// at, the URL is the secret.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	req, err := s.receive(r, MethodUpload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f := s.fault(req)
	if s.failBefore(w, req, f) {
		return
	}
	body := req.arg("body")
	for _, key := range []string{"file", "filename"} {
		if body == "" {
			body = req.arg(key)
		}
	}
	s.mu.Lock()
	u := s.uploads[strings.TrimPrefix(r.URL.Path, "/upload/")]
	status := http.StatusOK
	switch {
	case u == nil:
		status = http.StatusNotFound
	case len(body) != u.length:
		status = http.StatusBadRequest
	default:
		u.Content, u.done = body, true
	}
	s.mu.Unlock()
	s.failAfter(req, f, "")
	w.WriteHeader(status)
	s.finish(req, status, "", status == http.StatusOK)
	_, _ = io.WriteString(w, "OK - "+strconv.Itoa(len(body)))
}

func (s *Server) filesComplete(req *request) reply {
	var list []struct{ ID, Title string }
	if json.Unmarshal([]byte(req.arg("files")), &list) != nil || len(list) == 0 {
		return refuse("invalid_arguments")
	}
	var ids []string
	var files []map[string]any
	for _, f := range list {
		u := s.uploads[f.ID]
		if u == nil || !u.done {
			return refuse("file_not_found")
		}
		u.Title = f.Title
		ids = append(ids, f.ID)
	}
	if channel := req.arg("channel_id"); channel != "" {
		where := s.store.channels[channel]
		if where == nil || !where.member {
			return refuse("channel_not_found")
		}
		for _, id := range ids {
			s.uploads[id].Channel = channel
		}
		s.add(&Message{
			Channel: channel, ThreadTS: req.arg("thread_ts"), User: s.opt.BotUser, BotID: s.opt.BotID,
			Text: req.arg("initial_comment"), Files: ids,
		}, req.Method)
	}
	for _, id := range ids {
		files = append(files, s.fileJSON(id))
	}
	return reply{"files": files}
}

func (s *Server) fileJSON(id string) map[string]any {
	u := s.uploads[id]
	return map[string]any{"id": id, "name": u.Name, "title": u.Title, "size": u.length}
}

// Files are the uploads whose bytes arrived.
func (s *Server) Files() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []File
	for _, u := range s.uploads {
		if u.done {
			out = append(out, u.File)
		}
	}
	return out
}
