//go:build !unix

package hook

import "os"

// write writes data to a standard stream of the process.
func write(stream *os.File, data []byte) error {
	_, err := stream.Write(data)
	return err
}
