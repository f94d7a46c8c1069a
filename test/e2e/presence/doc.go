// Package presence holds the tests that run [presence.Watch], as the daemon
// does, against real desktops and terminals.
//
// Debian packages: sway swayidle wtype.
package presence
