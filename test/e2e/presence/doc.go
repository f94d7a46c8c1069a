// Package presence holds the tests that run [presence.Watch], as the daemon
// does, against real desktops.
//
// Debian packages, for these tests and those of internal/presence: sway
// swayidle wtype xvfb xdotool dbus python3-dbusmock tmux bsdutils (script).
// TestMutter and BenchmarkReturn/mutter also want mutter, which is large.
//
// Where CPD_REQUIRE_PEERS=1, a missing one is a failure (and mutter's where
// CPD_REQUIRE_MUTTER=1). CPD_CYCLES=20 lets the person leave and come back so
// often in each test.
package presence
