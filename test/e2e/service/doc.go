// Package service holds the tests of the daemon as a service: a socket that
// outlives it, restarts and kills while hooks come, and a real systemd user
// manager.
package service
