"""An ASGI application behind uvicorn, in a thread of this process, on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

__all__ = ["serving"]


@contextmanager
def serving(application: Any, **options: Any) -> Iterator[int]:
    """Serve for a block; yields the port on 127.0.0.1."""
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        **{"log_level": "error", "lifespan": "off", **options},
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
