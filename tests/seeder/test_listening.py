from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from seeder.listening import listen_on
from seeder.session import Session, SessionSettings


def test_both_families_get_the_same_number() -> None:
    found = re.fullmatch(r"127\.0\.0\.1:(\d+),\[::1\]:(\d+)", listen_on(local=True))

    assert found is not None
    assert found[1] == found[2]


def test_a_number_of_ones_own_is_kept_and_the_next_is_for_closed_swarms() -> None:
    everywhere = listen_on(local=False, port=6881, tls=True)

    assert everywhere == "0.0.0.0:6881,[::]:6881,0.0.0.0:6882s,[::]:6882s"
    assert listen_on(local=True, port=6881) == "127.0.0.1:6881,[::1]:6881"


def test_a_port_that_one_family_has_taken_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[int] = []
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        busy = int(taken.getsockname()[1])
        bind = socket.socket.bind

        def first_the_busy_one(self: socket.socket, address: tuple[str, int]) -> None:
            if busy not in offered and address == ("127.0.0.1", 0):
                address = ("127.0.0.1", busy)
            offered.append(address[1])
            bind(self, address)

        monkeypatch.setattr(socket.socket, "bind", first_the_busy_one)
        chosen = listen_on(local=True)

    assert busy in offered
    assert str(busy) not in chosen


@pytest.mark.swarm
def test_a_session_has_both_ports_in_both_families(tmp_path: Path, socket_enabled: None) -> None:
    listen = listen_on(local=True, tls=True)
    with Session(listen, tmp_path, settings=SessionSettings(tcp_only=True)) as session:
        reach = session.reach()
        ports = (session.port, session.tls_port)
        for host in ("127.0.0.1", "::1"):
            for port in ports:
                with socket.create_connection((host, port), timeout=5):
                    pass

    assert reach.ports == ports
    assert reach.ipv6
    assert reach.local
