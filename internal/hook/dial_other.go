//go:build !unix

package hook

import (
	"errors"
	"net"
	"time"
)

func dial(path string) (conn, error) {
	link, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return nil, errors.New("cannot connect to " + path + ": " + err.Error())
	}
	return link, nil
}
