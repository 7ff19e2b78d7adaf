from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from seeder.session import Session, SessionSettings
from tests.swarm.tracker import Tracker

# Opens a session: (folder of its state, settings).
OpenSession = Callable[..., Session]


@pytest.fixture
def open_session(tmp_path: Path, socket_enabled: None) -> Iterator[OpenSession]:
    """Sessions on a free port of 127.0.0.1, over TCP, that are closed at the end."""
    with ExitStack() as stack:

        def opened(name: str, **settings: Any) -> Session:
            chosen = {"tcp_only": True, "status_seconds": 0.1, **settings}
            session = Session("127.0.0.1:0", tmp_path / name, settings=SessionSettings(**chosen))
            return stack.enter_context(session)

        yield opened


@pytest.fixture
def tracker(socket_enabled: None) -> Iterator[Tracker]:
    """A tracker on loopback that knows who announced, and can refuse."""
    with Tracker() as started:
        yield started
