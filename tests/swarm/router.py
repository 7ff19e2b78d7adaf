"""A home router as far as port mapping goes: PCP, RFC 6887, on 10.7.0.1 of this namespace.

Says "waiting", configures its side of the cable `lan` on the first line of input, says "ready",
and at the end of input prints the mappings that were asked for as [port, seconds].
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading

OUTSIDE = bytes(10) + b"\xff\xff" + bytes([203, 0, 113, 9])
MAP, RESPONSE, SUCCESS = 1, 0x80, 0


def answer(request: bytes) -> tuple[bytes, int, int] | None:
    """The answer to a MAP request (section 11.1), with its internal port and lifetime."""
    if len(request) < 60 or request[0] != 2 or request[1] != MAP:
        return None
    lifetime, internal = int.from_bytes(request[4:8]), int.from_bytes(request[40:42])
    head = bytes([2, RESPONSE | MAP, 0, SUCCESS]) + request[4:8] + (1000).to_bytes(4) + bytes(12)
    nonce_and_protocol = request[24:40]
    external = (internal + 40_000).to_bytes(2)
    return head + nonce_and_protocol + request[40:42] + external + OUTSIDE, internal, lifetime


def serve(listener: socket.socket, asked: list[tuple[int, int]]) -> None:
    while True:
        try:
            request, sender = listener.recvfrom(1100)
        except OSError:
            return
        if (found := answer(request)) is not None:
            asked.append(found[1:])
            listener.sendto(found[0], sender)


def main() -> None:
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for line in ("ip link set lo up", "ip addr add 10.7.0.1/24 dev lan", "ip link set lan up"):
        subprocess.run(line.split(), check=True)
    asked: list[tuple[int, int]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("10.7.0.1", 5351))
        threading.Thread(target=serve, args=(listener, asked), daemon=True).start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        sys.stdout.write(json.dumps(asked) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
