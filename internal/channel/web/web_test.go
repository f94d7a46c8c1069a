package web

import (
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
)

func TestChannel(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		h := &visitor{state: t.TempDir(), forms: map[string]url.Values{}}
		h.Restart(t)
		return h
	})
}

// visitor is a person in front of the page, in a browser without scripts. Its
// connections end with each request, so that none is left running.
type visitor struct {
	state string

	mu    sync.Mutex
	ch    *Channel
	forms map[string]url.Values // of each card as last seen live
}

var browser = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (v *visitor) Channel() channel.Channel {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ch
}

func (v *visitor) Restart(t *testing.T) channel.Channel {
	ch, err := New(Config{Listen: "127.0.0.1:0"}, Options{State: v.state})
	if err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ch = ch
	return ch
}

func (v *visitor) get(path string) (string, error) {
	resp, err := browser.Get(v.Channel().Status().URL + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s: %s", resp.Status, body)
	}
	return string(body), err
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)
)

// cardIn finds a request's card on the page, as HTML.
func cardIn(page, request string) (card string, copies int) {
	for _, piece := range strings.Split(page, "<article ")[1:] {
		if strings.Contains(piece[:strings.Index(piece, ">")], `data-request="`+html.EscapeString(request)+`"`) {
			card, _, _ = strings.Cut(piece, "</article>")
			copies++
		}
	}
	return card, copies
}

// text is what can be read of a piece of HTML.
func text(piece string) string {
	_, piece, _ = strings.Cut(piece, ">")
	return html.UnescapeString(tags.ReplaceAllString(piece, ""))
}

func (v *visitor) Seen(request string) (channeltest.Seen, bool) {
	page, err := v.get("")
	if err != nil {
		return channeltest.Seen{}, false
	}
	card, copies := cardIn(page, request)
	if copies == 0 {
		return channeltest.Seen{}, false
	}
	live := strings.Contains(card, "<button")
	if live {
		form := url.Values{}
		for _, field := range hidden.FindAllStringSubmatch(card, 3) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
		v.mu.Lock()
		v.forms[request] = form
		v.mu.Unlock()
	}
	return channeltest.Seen{Live: live, Text: text(card), Copies: copies}, true
}

func (v *visitor) Glance() map[string]channeltest.Seen {
	seen := map[string]channeltest.Seen{}
	page, err := v.get("")
	if err != nil {
		return seen
	}
	for _, piece := range strings.Split(page, "<article ")[1:] {
		card, _, _ := strings.Cut(piece, "</article>")
		_, request, _ := strings.Cut(card, `data-request="`)
		request, _, _ = strings.Cut(request, `"`)
		seen[html.UnescapeString(request)] = channeltest.Seen{
			Live: strings.Contains(card, "<button"), Text: text(card), Copies: 1,
		}
	}
	return seen
}

func (v *visitor) Tap(request string, verb permit.Verb, message string) (string, error) {
	v.mu.Lock()
	form := maps.Clone(v.forms[request])
	v.mu.Unlock()
	if form == nil {
		return "", fmt.Errorf("cannot tap on %s: it was never seen live", request)
	}
	form.Set("verb", string(verb))
	if message != "" {
		form.Set("message", strings.ReplaceAll(message, "\n", "\r\n")) // as browsers do
	}
	resp, err := browser.PostForm(v.Channel().Status().URL+"answer", form)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(resp.Body)
		return "", fmt.Errorf("the answer got %s: %s", resp.Status, body)
	}
	page, err := v.get(strings.TrimPrefix(resp.Header.Get("Location"), "./"))
	if err != nil {
		return "", err
	}
	_, said, ok := strings.Cut(page, `<div id="said"`)
	if !ok {
		return "", errors.New("the page does not tell what became of the answer")
	}
	said, _, _ = strings.Cut(said, "</div>")
	return text(said), nil
}
