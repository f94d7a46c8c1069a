#!/usr/bin/env python3
"""A hook in Python's standard library, equal to hook.c, for comparison."""

import json
import socket
import sys


def main():
    event = json.load(sys.stdin)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
            daemon.connect(sys.argv[1])
            daemon.sendall(json.dumps(event).encode() + b"\n")
            answer = json.loads(daemon.makefile("rb").readline())
    except (OSError, ValueError) as error:
        print(f"handed back: {error}", file=sys.stderr)
        return
    behavior = {"approve": "allow", "deny": "deny"}.get(answer.get("action"))
    if behavior:
        output = {"hookEventName": "PermissionRequest", "decision": {"behavior": behavior}}
        print(json.dumps({"hookSpecificOutput": output}))


main()
