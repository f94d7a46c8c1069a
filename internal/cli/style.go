package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// This file is all that the command line knows of colour. What is printed says
// the same without it.

// colour is a terminal's colour, as its number in an SGR sequence.
type colour string

const (
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// paint colours texts, where that is wanted.
type paint bool

// paint says whether what is written to w may be in colour: on a terminal,
// unless NO_COLOR is set to anything (no-color.org) or the terminal is a dumb
// one.
func (c *call) paint(w io.Writer) paint {
	file, ok := w.(*os.File)
	return paint(ok && term.IsTerminal(int(file.Fd())) && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb")
}

// in is text in a colour; without colour it is text.
func (p paint) in(c colour, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
