package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"claude-permission-daemon/internal/secret"
)

// The sizes and times of one call.
const (
	callTimeout = 10 * time.Second
	// answerLimit is far above any answer to the methods used here (a page of
	// history with our own cards is the largest).
	answerLimit = 8 << 20
)

// api calls Slack's Web API with one token. Safe for concurrent use.
type api struct {
	http  *http.Client
	base  string // with a trailing slash
	token secret.Text
}

// newHTTPClient returns the client used unless the caller brings one: proxies
// from the environment, few connections, no redirects (Slack's API has none; a
// captive portal has).
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   2,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   callTimeout,
			ResponseHeaderTimeout: callTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// apiError is a call that failed, in Slack's words where Slack spoke.
type apiError struct {
	Method string
	// Code is Slack's error ("invalid_auth"); empty when Slack did not say one.
	Code string
	// Needed and Provided are the scopes, with missing_scope.
	Needed, Provided string
	// Messages are what Slack says of invalid arguments.
	Messages []string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// RetryAfter is how long Slack wants to be left alone (with 429).
	RetryAfter time.Duration
	// Unanswered: the request may have reached Slack, and may have been carried
	// out, but no usable answer came.
	Unanswered bool
	cause      error
}

func (e *apiError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cannot call %s: ", e.Method)
	switch {
	case e.Code == "missing_scope" && e.Needed != "":
		fmt.Fprintf(&b, "missing_scope: the app needs the scope %s (it has %s)", e.Needed, orNone(e.Provided))
	case e.Code != "":
		b.WriteString(e.Code)
		if len(e.Messages) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(e.Messages, "; "))
		}
	case e.Status == http.StatusTooManyRequests:
		fmt.Fprintf(&b, "Slack asks to wait %s (HTTP 429)", e.RetryAfter)
	case e.Status >= 500:
		fmt.Fprintf(&b, "Slack has trouble (HTTP %d)", e.Status)
	case e.Status != 0 && e.cause != nil:
		fmt.Fprintf(&b, "the answer (HTTP %d) is not Slack's, perhaps a captive portal's or a proxy's: %v", e.Status, e.cause)
	case e.cause != nil:
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

func (e *apiError) Unwrap() error { return e.cause }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// codeOf is Slack's own error code of err, or empty.
func codeOf(err error) string {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.Code
	}
	return ""
}

// unanswered reports whether a failed call may have been carried out.
func unanswered(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && e.Unanswered
}

// retryAfter is how long Slack wants to be left alone; 0: it did not say.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.RetryAfter
	}
	return 0
}

// passes reports whether the error may pass by itself: the network, Slack's own
// trouble, a captive portal, a rate limit. The rest is for a person to mend.
func passes(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		return true
	}
	switch e.Code {
	case "", "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited":
		return true
	}
	return false
}

// badToken reports whether the token itself is refused, whatever the method.
// Trying again cannot help.
func badToken(err error) bool {
	return slices.Contains([]string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type",
		"missing_scope", "no_permission", "org_login_required", "ekm_access_denied", "team_access_not_granted",
	}, codeOf(err))
}

// post calls a method with JSON arguments and decodes the answer into out (nil:
// only whether it worked). The header of the answer comes back for its scopes.
func (a *api) post(ctx context.Context, method string, args, out any) (http.Header, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the arguments of %s: %w", method, err)
	}
	return a.do(ctx, method, "application/json; charset=utf-8", body, out)
}

// form calls a method whose manual does not list JSON among what it reads.
func (a *api) form(ctx context.Context, method string, args url.Values, out any) (http.Header, error) {
	return a.do(ctx, method, "application/x-www-form-urlencoded", []byte(args.Encode()), out)
}

func (a *api) do(ctx context.Context, method, contentType string, body []byte, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var sent atomic.Bool // whether any of the request may have left
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+method, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot call %s: %w", method, err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token.Reveal())
	req.Header.Set("Content-Type", contentType)
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, &apiError{Method: method, Unanswered: sent.Load(), cause: plain(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, &apiError{Method: method, Status: resp.StatusCode, Unanswered: true, cause: plain(err)}
	}
	return resp.Header, readAnswer(method, resp, text, out)
}

// readAnswer tells the ways an answer can be apart.
func readAnswer(method string, resp *http.Response, text []byte, out any) error {
	failed := &apiError{Method: method, Status: resp.StatusCode}
	if resp.StatusCode == http.StatusTooManyRequests {
		failed.RetryAfter = time.Second
		if s, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After"))); err == nil && s > 0 {
			failed.RetryAfter = min(time.Duration(s)*time.Second, time.Hour)
		}
		return failed
	}
	var answer struct {
		OK       *bool  `json:"ok"`
		Error    string `json:"error"`
		Needed   string `json:"needed"`
		Provided string `json:"provided"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	err := json.Unmarshal(text, &answer)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err != nil && !errors.As(err, &wrongType), answer.OK == nil, !*answer.OK && answer.Error == "":
		// No JSON of Slack's: a gateway before it, which may have passed the
		// request on, or, with a redirect or a 404, a captive portal, which has not.
		failed.Unanswered = resp.StatusCode < 300 || resp.StatusCode >= 500
		failed.cause = errors.New("it is not the JSON that Slack answers with")
		return failed
	case !*answer.OK:
		failed.Code, failed.Needed, failed.Provided, failed.Messages = answer.Error, answer.Needed, answer.Provided, answer.Metadata.Messages
		// Of these two the manual says that some aspect of the operation may have
		// succeeded before the error was raised.
		failed.Unanswered = answer.Error == "internal_error" || answer.Error == "fatal_error"
		return failed
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil && !errors.As(err, &wrongType) {
		failed.Unanswered, failed.cause = true, err
		return failed
	}
	return nil
}

// plain takes the URL out of a transport's error: a socket's and a
// response_url's are secrets.
func plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// respond uses a response_url: a bearer secret, good for 30 minutes and 5 uses,
// that needs no token.
func respond(ctx context.Context, client *http.Client, address string, message object) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("cannot encode a response: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("cannot use the response_url: it is not a URL")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("cannot use the response_url: %w", plain(err))
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("cannot use the response_url: HTTP %d", resp.StatusCode)
	}
	return nil
}

// identity is what auth.test says of a bot token.
type identity struct {
	Team, Enterprise, TeamName string
	User, Bot                  string // the bot's own ids
	Scopes                     []string
}

// has reports whether the token has one of the scopes.
func (i identity) has(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(i.Scopes, s) })
}

func (a *api) authTest(ctx context.Context) (identity, error) {
	var answer struct {
		TeamID       string `json:"team_id"`
		Team         string `json:"team"`
		EnterpriseID string `json:"enterprise_id"`
		UserID       string `json:"user_id"`
		BotID        string `json:"bot_id"`
	}
	header, err := a.form(ctx, "auth.test", nil, &answer)
	if err != nil {
		return identity{}, err
	}
	who := identity{Team: answer.TeamID, Enterprise: answer.EnterpriseID, TeamName: answer.Team, User: answer.UserID, Bot: answer.BotID}
	for scope := range strings.SplitSeq(header.Get("X-OAuth-Scopes"), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			who.Scopes = append(who.Scopes, scope)
		}
	}
	if who.Team == "" {
		return identity{}, &apiError{Method: "auth.test", Status: http.StatusOK, cause: errors.New("it names no workspace")}
	}
	return who, nil
}

// openLink asks for the URL of a new socket. The URL is good for one use and is
// a secret.
func (a *api) openLink(ctx context.Context) (secret.Text, error) {
	var answer struct {
		URL string `json:"url"`
	}
	if _, err := a.form(ctx, "apps.connections.open", nil, &answer); err != nil {
		return secret.Text{}, err
	}
	u, err := url.Parse(answer.URL)
	private := err == nil && (u.Scheme == "wss" || u.Scheme == "ws" && loopback(u.Hostname()))
	if !private || u.Host == "" {
		return secret.Text{}, &apiError{Method: "apps.connections.open", Status: http.StatusOK, cause: errors.New("it names no socket")}
	}
	return secret.Of(answer.URL), nil
}

// place is where a message is.
type place struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// message is one message of a conversation's history.
type message struct {
	TS       string `json:"ts"`
	ThreadTS string `json:"thread_ts"`
	BotID    string `json:"bot_id"`
	Metadata struct {
		Type    string `json:"event_type"`
		Payload object `json:"event_payload"`
	} `json:"metadata"`
	Blocks []any `json:"blocks"`
}

// history returns the conversation's messages since oldest, newest first, with
// their metadata; with a thread, that thread's. At most three pages of 200.
func (a *api) history(ctx context.Context, channel, thread string, oldest time.Time) ([]message, error) {
	args := url.Values{"channel": {channel}, "limit": {"200"}, "include_all_metadata": {"true"}}
	if !oldest.IsZero() {
		args.Set("oldest", fmt.Sprintf("%d.000000", oldest.Unix()))
	}
	method := "conversations.history"
	if thread != "" {
		method = "conversations.replies"
		args.Set("ts", thread)
	}
	var all []message
	for range 3 {
		var page struct {
			Messages []message `json:"messages"`
			Metadata struct {
				Cursor string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		if _, err := a.form(ctx, method, args, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Messages...)
		if page.Metadata.Cursor == "" {
			break
		}
		args.Set("cursor", page.Metadata.Cursor)
	}
	return all, nil
}
