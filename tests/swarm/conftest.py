from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from seeder.session import PeerSnapshot, Session, SessionSettings
from tests.swarm.tracker import Tracker

# Opens a session: (folder of its state, settings).
OpenSession = Callable[..., Session]


@pytest.fixture
def open_session(tmp_path: Path, socket_enabled: None) -> Iterator[OpenSession]:
    """Sessions on free ports of 127.0.0.1, over TCP, that are closed at the end."""
    with ExitStack() as stack:

        def opened(name: str, *, host: str = "127.0.0.1", **settings: Any) -> Session:
            chosen = {"tcp_only": True, "status_seconds": 0.1, "outgoing": host, **settings}
            listen = f"{host}:0,{host}:0s"
            session = Session(listen, tmp_path / name, settings=SessionSettings(**chosen))
            return stack.enter_context(session)

        yield opened


@pytest.fixture
def tracker(socket_enabled: None) -> Iterator[Tracker]:
    """A tracker on loopback that knows who announced, and can refuse."""
    with Tracker() as started:
        yield started


def await_peers(session: Session, count: int) -> tuple[PeerSnapshot, ...]:
    """Ask until so many are connected and known by their labels."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        peers = session.peers()
        if len(peers) == count and all(peer.label for peer in peers):
            return peers
    raise AssertionError(session.peers())
