// Package sandbox takes away from this process, and from what it starts, the right
// to write where it has no business. The kernel does it (Landlock, on Linux 5.19
// and later); elsewhere nothing happens, and that is said.
package sandbox

// Rules are what may still be written. Reading stays as it was, and so do
// connections, signals, and files that are open already.
type Rules struct {
	// Folders may be written in, with all below them.
	Folders []string
	// SocketFolders are where sockets may be made, renamed and removed, and
	// nothing else.
	SocketFolders []string
}
