//go:build !windows

package windows

import "errors"

func ticks() (now, last uint32, err error) { return 0, 0, errors.New("not Windows") }
