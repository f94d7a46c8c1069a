//go:build !linux

package clock

func newTimer(ring func()) timer { return newCoarse(ring) }
