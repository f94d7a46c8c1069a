// Package setup is the guided conversation that gets the daemon going, and its
// removal.
//
// questions.go is the table of what is asked; each question is also a flag.
// talk.go is the terminal. plan.go says what the answers change, and shows it;
// apply.go does it, and takes back what was done if it cannot go on.
// uninstall.go removes.
//
// Nothing on the machine is changed before the last question is answered: who
// stops half-way has changed nothing. What Slack knows is asked of Slack at
// once, so that a wrong token is named when it is typed.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/config"
)

// Part is something besides the configuration that setup puts in place: the
// hooks, the service. Its methods are called one at a time.
type Part interface {
	// Plan looks at what is there, and changes nothing.
	Plan() (Plan, error)
	// Install puts it in place and returns what takes it back. It cleans up
	// after itself where it fails.
	Install(context.Context) (undo func(context.Context) error, err error)
}

// Plan is what Install would do.
type Plan struct {
	// Changes are lines for a person; none: it is in place.
	Changes []string
	// Folders are those that it writes to, whether or not they exist.
	Folders []string
	// Restarts: it runs with the configuration, and takes a new one only when
	// it is restarted.
	Restarts bool
}

// Restartable is a part that runs.
type Restartable interface {
	Part
	Restart(context.Context) error
}

// Options is what a setup needs to know.
type Options struct {
	In         io.Reader
	Out        io.Writer
	ConfigFile string
	StateDir   string
	Host       string // of this machine, for the Slack app's name
	Given      *Given // the flags
	Hooks      Part
	Service    Restartable
	// Running says that a daemon answers on the socket.
	Running func() bool
	// Environ says which variables override what the file says.
	Environ []string
	// Verdict judges what there is now, and prints it. Its error is Run's.
	Verdict func(context.Context) error
}

// UsageError is a flag that was wrong or missing.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// session is one run of the conversation.
type session struct {
	Options
	*talk
	prober  *slack.Prober
	text    string        // of the configuration file
	exists  bool          // whether there is one
	was     config.Config // what it says, its token files read
	want    config.Config // what the answers say
	channel string        // web, slack or both
	hooks   bool
	service bool
	plans   struct{ hooks, service Plan }
}

// Run asks, shows what it will change, changes it, and ends with the verdict.
// Whatever goes wrong before the verdict leaves everything as it was.
func Run(ctx context.Context, o Options) error {
	s := &session{Options: o, talk: newTalk(o.In, o.Out)}
	if !s.Given.Yes {
		s.say("A few questions; nothing is changed before the last is answered.\nEnter takes what is in [brackets]. Ctrl-C ends it, and nothing has happened.")
	}
	if err := s.look(); err != nil {
		return err
	}
	for _, q := range questions() {
		if err := s.ask(ctx, q); err != nil {
			return err
		}
	}
	changes, err := s.plan()
	if err != nil {
		return err
	}
	if err := s.confirm(ctx, changes); err != nil {
		return err
	}
	if err := s.apply(ctx, changes); err != nil {
		return err
	}
	return s.Verdict(ctx)
}

// look finds out what there is.
func (s *session) look() error {
	text, err := os.ReadFile(s.ConfigFile)
	switch {
	case err == nil:
		s.exists = true
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	s.text = string(text)
	if s.was, err = config.Parse(s.text); err != nil {
		return fmt.Errorf("cannot change %s before it is mended: %w", s.ConfigFile, err)
	}
	s.want = s.was
	if err := s.was.Slack.ReadFiles(); err != nil {
		s.say("A token that the configuration names cannot be used, and is asked for again: %v", err)
	}
	s.want.Slack.BotToken, s.want.Slack.AppToken = s.was.Slack.BotToken, s.was.Slack.AppToken
	if !s.Given.NoHooks {
		if s.plans.hooks, err = s.Hooks.Plan(); err != nil {
			return err
		}
	}
	if !s.Given.NoService {
		s.plans.service, err = s.Service.Plan()
		switch {
		case err != nil && s.Given.Yes:
			return &Hinted{err, "--no-service leaves starting the daemon to you"}
		case err != nil:
			s.plans.service = Plan{}
			s.say("\nThere can be no service, so that you start the daemon yourself: %v", err)
		}
	}
	return nil
}

// confirm shows what will change, and asks whether it may.
func (s *session) confirm(ctx context.Context, c changes) error {
	if c.none() {
		s.say("\nEverything is in place: nothing is changed.")
		return nil
	}
	s.say("\nThis will be changed:\n\n%s", strings.TrimRight(c.shown, "\n"))
	for _, name := range s.Environ {
		s.say("\nNote: %s is set here. A daemon that has it in its environment takes it in place of what the file says.", name)
	}
	if s.Given.Yes {
		return nil
	}
	ok, err := s.yes(ctx, "\nGo on?", true)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("stopped as you wished: nothing was changed")
	}
	return nil
}

// folders are all that the changes write to.
func (s *session) folders() []string {
	all := []string{filepath.Dir(s.ConfigFile), s.StateDir}
	if s.hooks {
		all = append(all, s.plans.hooks.Folders...)
	}
	if s.service {
		all = append(all, s.plans.service.Folders...)
	}
	return slices.Compact(all)
}
