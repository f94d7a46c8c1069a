package service

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// task is Windows's scheduled task at logon. (Its text and calls are tested; it
// was not run: no such machine was at hand.)
type task struct{ Options }

// TaskXML is the definition of the scheduled task.
func TaskXML(program string, args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = windowsWord(arg)
	}
	return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Carries Claude Code's permission questions to where you are</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Principals><Principal id="Author"><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
    <Hidden>true</Hidden>
  </Settings>
  <Actions Context="Author"><Exec><Command>` + escape(program) + `</Command><Arguments>` + escape(strings.Join(words, " ")) + `</Arguments></Exec></Actions>
</Task>
`
}

// windowsWord quotes one argument the way CommandLineToArgvW reads it.
func windowsWord(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\"") {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	backslashes := 0
	for _, r := range word {
		switch r {
		case '\\':
			backslashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*backslashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, backslashes))
		}
		backslashes = 0
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat(`\`, 2*backslashes) + `"`)
	return b.String()
}

func (t *task) schtasks(ctx context.Context, args ...string) (string, error) {
	out, err := t.Run(ctx, nil, "schtasks", append(args, "/TN", name)...)
	if err != nil {
		return out, fmt.Errorf("schtasks %s: %w", args[0], err)
	}
	return out, nil
}

func (t *task) install(ctx context.Context, r *Report) error {
	if err := t.checkProgram(); err != nil {
		return err
	}
	unseen(t.Getenv, r)
	dir, err := os.MkdirTemp("", "claude-permission-")
	if err != nil {
		return fmt.Errorf("cannot write the task: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's folder for such
	file := filepath.Join(dir, "task.xml")
	text := []byte{0xff, 0xfe} // schtasks wants UTF-16, and to be told so
	for _, unit := range utf16.Encode([]rune(TaskXML(t.Program, t.args()))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("cannot write the task: %w", err)
	}
	if _, err := t.schtasks(ctx, "/Create", "/F", "/XML", file); err != nil {
		return fmt.Errorf("cannot install the service: %w", err)
	}
	r.did("made the scheduled task %s: it starts when you log on", name)
	if t.NoStart {
		return nil
	}
	if _, err := t.schtasks(ctx, "/Run"); err != nil {
		return fmt.Errorf("cannot start the service: %w", err)
	}
	r.did("it runs")
	return nil
}

func (t *task) remove(ctx context.Context, r *Report) error {
	s, err := t.state(ctx)
	if err != nil || !s.Installed {
		return err
	}
	if s.Running {
		if _, err := t.schtasks(ctx, "/End"); err != nil {
			return fmt.Errorf("cannot remove the service: %w", err)
		}
		r.did("stopped it")
	}
	if _, err := t.schtasks(ctx, "/Delete", "/F"); err != nil {
		return fmt.Errorf("cannot remove the service: %w", err)
	}
	r.did("removed the scheduled task %s", name)
	return nil
}

func (t *task) state(ctx context.Context) (State, error) {
	s := State{Kind: "task"}
	out, err := t.schtasks(ctx, "/Query", "/FO", "CSV", "/NH")
	if err != nil {
		s.Detail = "there is no such task"
		return s, nil
	}
	s.Installed, s.Enabled = true, true
	// "\claude-permission-daemon","next run","Running"; the words are the system's
	// language, so only "Running" is sure.
	fields := strings.Split(strings.TrimSpace(out), `","`)
	s.Detail = strings.Trim(fields[len(fields)-1], `"`)
	s.Running = s.Detail == "Running"
	return s, nil
}

func (t *task) restart(ctx context.Context) error {
	_, _ = t.schtasks(ctx, "/End") // fails where it does not run
	if _, err := t.schtasks(ctx, "/Run"); err != nil {
		return hinted(name+" service install makes it one", "cannot restart the service: %w", err)
	}
	return nil
}

func (t *task) logs(bool, int) []string { return nil }
