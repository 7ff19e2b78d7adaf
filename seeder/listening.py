"""Where a buyer's session listens: one port number on IPv4 and IPv6 alike.

A shop names a device's port once, whichever address peers then dial, and a router opens it
under one number. So a free number is looked for that both families have.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final

__all__ = ["listen_on"]

TRIES: Final = 20
LOOPBACK: Final = ("127.0.0.1", "::1")
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - peers come from everywhere


def listen_on(*, local: bool, port: int = 0, tls: bool = False) -> str:
    """Give the interfaces for `Session`: loopback alone where `local`; `port` 0 takes a free one.

    With `tls` a second port follows for closed swarms: the next number where `port` is given.
    IPv6 is left out where this machine has none. A port that is taken is left for the session
    to refuse, which says so.
    """
    hosts = [host for host in (LOOPBACK if local else EVERYWHERE) if _has(host)]
    plain = port or _free_port(hosts)
    chosen = [(plain, "")]
    if tls:
        secure = min(port + 1, 65535) if port else _free_port(hosts, but=plain)
        chosen.append((secure, "s"))
    return ",".join(
        f"{f'[{host}]' if ':' in host else host}:{number}{suffix}"
        for number, suffix in chosen
        for host in hosts
    )


def _has(host: str) -> bool:
    if ":" not in host:
        return True
    with contextlib.suppress(OSError), _bound(host, 0, socket.SOCK_STREAM):
        return True
    return False


def _free_port(hosts: list[str], *, but: int = 0) -> int:
    """A number that every host has free for TCP and, as uTP needs it, for UDP; 0 for none."""
    for _ in range(TRIES):
        with _bound(hosts[0], 0, socket.SOCK_STREAM) as first:
            number = int(first.getsockname()[1])
            if number == but:
                continue
            others = [(host, socket.SOCK_STREAM) for host in hosts[1:]]
            others += [(host, socket.SOCK_DGRAM) for host in hosts]
            if all(_is_free(host, number, kind) for host, kind in others):
                return number
    return 0


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with contextlib.suppress(OSError), _bound(host, port, kind):
        return True
    return False


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        if found.family == socket.AF_INET6:
            # Else it would take the port of IPv4 as well.
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found
