"""A WebSocket client for tests, straight onto an ASGI application."""

from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator

__all__ = ["Socket"]


class Socket:
    """Speaks to `application` as a client of `path` would."""

    def __init__(self, application: Any, path: str, **scope: Any) -> None:
        base = {"type": "websocket", "path": path, "headers": [], "query_string": b"", **scope}
        self._app = ApplicationCommunicator(application, base)

    async def connect(self) -> int | None:
        """Open. Returns None when accepted, else the close code."""
        await self._app.send_input({"type": "websocket.connect"})
        answer = await self._app.receive_output(5)
        return None if answer["type"] == "websocket.accept" else int(answer.get("code", 1000))

    async def send(self, text: str) -> None:
        """Say something to the server."""
        await self._app.send_input({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        """The next message, from JSON."""
        message = await self._app.receive_output(5)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def closed(self) -> int:
        """Wait until the server closes, and return its code."""
        message = await self._app.receive_output(5)
        assert message["type"] == "websocket.close", message
        return int(message["code"])

    async def silent(self) -> bool:
        """Whether nothing comes for a moment."""
        return bool(await self._app.receive_nothing())

    async def disconnect(self) -> None:
        await self._app.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._app.wait(5)
