// Package limits holds the numbers that both ends of a connection agree on.
// It is apart from package wire, which names them again, for the hook's sake:
// the hook writes and reads its few lines by itself and does not pay at every
// start for the encoders that wire links.
package limits

import "time"

// Version is the "v" of every enveloped and control line.
const Version = 1

// MaxLine is the longest line that either end reads, newline included. Claude
// Code writes a whole file's content into one line.
const MaxLine = 16 << 20

const (
	// AcceptBlocking and AcceptParallel are how long a hook waits for
	// "accepted": where it blocks the dialog, and where it does not. The second
	// is enough for a daemon to be restarted while systemd holds its socket.
	AcceptBlocking = 250 * time.Millisecond
	AcceptParallel = 5 * time.Second
	// PingAfter is the silence after which a waiting hook asks whether the
	// daemon still lives; PingAnswer is how long it waits for the answer.
	PingAfter  = 10 * time.Second
	PingAnswer = 3 * time.Second
	// Reattach is how long after last hearing from the daemon a hook tries to
	// come back to it, unless the daemon said otherwise; MaxReattach is the most
	// that it may say.
	Reattach    = 30 * time.Second
	MaxReattach = time.Hour
)
