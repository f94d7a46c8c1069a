//go:build !linux

package doctor

// synchronised cannot tell here.
func synchronised() (yes, known bool) { return false, false }
