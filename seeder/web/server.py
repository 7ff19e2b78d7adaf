"""Runs the player on 127.0.0.1, on a port that the system picks, for as long as wanted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import uvicorn

from seeder.web.app import file_path, make_app, page_path
from seeder.web.plays import Plays

__all__ = ["PlayerServer"]

HOST = "127.0.0.1"
SEND_BUFFER = 4 * 2**20  # a chunk of a mebibyte goes to the kernel in one call
STOP_SECONDS = 3


class PlayerServer:
    """The local player in a thread of its own, between `with` and its end. `sharing` tells what
    the seeder sends meanwhile; without it none counts as running."""

    def __init__(
        self,
        plays: Plays,
        *,
        port: int = 0,
        sharing: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        self._socket = socket.create_server((HOST, port), backlog=64)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.port: int = self._socket.getsockname()[1]
        hosts = frozenset({f"{HOST}:{self.port}", f"localhost:{self.port}"})
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(plays, hosts=hosts, sharing=sharing),
                lifespan="off",
                access_log=False,  # addresses hold tokens
                log_config=None,
                log_level="critical",
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        self._plays = plays
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def page_url(self, token: str) -> str:
        return self.address + page_path(token)

    def file_url(self, token: str, index: int, name: str) -> str:
        return self.address + file_path(token, index, name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()
        self._plays.close()
