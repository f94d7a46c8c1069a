package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch calls changed after each change of an address, a link or a route, until
// ctx ends; it then returns nil. The kernel pushes changes (rtnetlink(7)), so
// nothing is polled.
func Watch(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("cannot watch the network: %w", err)
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("cannot watch the network: %w", err)
	}
	socket := os.NewFile(uintptr(fd), "netlink")
	defer socket.Close() //nolint:errcheck // only read
	buffer := make([]byte, 16<<10)
	for {
		err := wait(ctx, socket, buffer, time.Time{})
		for end := time.Now().Add(gather); err == nil; {
			err = wait(ctx, socket, buffer, end)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("cannot watch the network: %w", err)
		}
		changed()
	}
}

// wait reads one message, until a time or for ever. That some were lost is
// news as well.
func wait(ctx context.Context, socket *os.File, buffer []byte, until time.Time) error {
	if err := socket.SetReadDeadline(until); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := socket.Read(buffer)
	if errors.Is(err, unix.ENOBUFS) {
		return nil
	}
	return err
}
