// Package slacktest is a Slack on loopback: the part of the Web API and of
// Socket Mode that an approval channel needs, with a person who taps buttons
// and with every way a network or Slack itself is known to fail.
//
// It is for tests, for benchmarks and for trying the daemon without a
// workspace. It imports nothing of ours and only the standard library, so that
// it shares no mistake with the client under test. Who says that it is honest:
// the official @slack/socket-mode, @slack/web-api and @slack/bolt clients, which
// test/e2e/slacksdk runs against it.
//
// # What it speaks
//
//   - Arguments as a form, as multipart or as JSON; the token in the
//     Authorization header or among the arguments (apps.connections.open: header
//     only); ok:false with HTTP 200; 429 with Retry-After; X-OAuth-Scopes.
//   - Single-use tickets, hello at once and then pings, one connection per
//     envelope, at most ten connections, acks within three seconds on any
//     connection. Continuation frames and acks above 20 KB are dropped in
//     silence, compression is declined, and after the close handshake TCP stays
//     open until the client ends it.
//   - Messages come back the way Slack returns them, not the way they were
//     posted: block ids made up, emoji and verbatim filled in, and in Harsh mode
//     also what is only reported of Slack (see Options).
//
// Where Slack's documentation gives a limit, it is enforced as given; where only
// field reports exist, the strictest one is, because a client that lives within
// it lives within Slack's.
//
// # Time
//
// All times come from the time package, so a Server on a [Memory] network may be
// started inside a testing/synctest bubble, where ten minutes cost nothing.
package slacktest
