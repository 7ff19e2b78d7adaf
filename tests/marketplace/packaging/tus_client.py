"""A tus client for tests, straight onto the ASGI app, with a real session cookie."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.test import Client

from marketplace.accounts.models import User
from marketplace.packaging.tus import uploads

__all__ = ["Answer", "TusClient", "cookie_of", "encode_metadata"]

HOST = "127.0.0.1:8000"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


def cookie_of(user: User) -> str:
    """The session cookie of a browser in which `user` is logged in."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def encode_metadata(**values: str | bytes) -> str:
    raw = {k: v.encode() if isinstance(v, str) else v for k, v in values.items()}
    return ",".join(f"{k} {base64.b64encode(v).decode()}" for k, v in raw.items())


class TusClient:
    def __init__(self, session: str | None) -> None:
        self._session = session

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Iterable[bytes] = (),
        cut: bool = False,
        without: Iterable[str] = (),
        **headers: str,
    ) -> Answer | None:
        """One request; None where the server sent no answer. `cut`: the body never ends."""
        sent = {
            "host": HOST,
            "origin": f"http://{HOST}",
            "tus-resumable": "1.0.0",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if self._session is not None:
            sent["cookie"] = f"{settings.SESSION_COOKIE_NAME}={self._session}"
        for name in without:
            sent.pop(name, None)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items()],
        }
        return await _run(scope, list(body), cut=cut)

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """As `call`, where an answer must come."""
        answer = await self.call(method, path, **options)
        assert answer is not None
        return answer

    async def create(
        self, draft: uuid.UUID, size: int, name: str | bytes = "film.mp4", **headers: str
    ) -> Answer:
        metadata = encode_metadata(filename=name, draft=str(draft))
        return await self.ask(
            "POST", "/uploads/", upload_length=str(size), upload_metadata=metadata, **headers
        )

    async def begin(self, draft: uuid.UUID, size: int, name: str | bytes = "film.mp4") -> str:
        """Create an upload and return its address."""
        answer = await self.create(draft, size, name)
        assert answer.status == 201, answer
        return answer.headers["location"]

    async def patch(
        self, path: str, offset: int, *body: bytes, cut: bool = False, **headers: str
    ) -> Answer | None:
        sent = {
            "content_type": "application/offset+octet-stream",
            "upload_offset": str(offset),
            **headers,
        }
        return await self.call("PATCH", path, body=body, cut=cut, **sent)

    async def offset(self, path: str) -> int:
        answer = await self.ask("HEAD", path)
        assert answer.status == 200, answer
        return int(answer.headers["upload-offset"])


async def _run(scope: dict[str, Any], body: list[bytes], *, cut: bool) -> Answer | None:
    pieces = list(body)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces) or cut}
        if cut:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await uploads(scope, receive, send)
    if not sent:
        return None
    start, *rest = sent
    headers = {k.decode(): v.decode("latin-1") for k, v in start["headers"]}
    text = b"".join(message.get("body", b"") for message in rest).decode()
    return Answer(start["status"], headers, text)
