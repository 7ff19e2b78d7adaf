"""Answers for a play's files: which may be sent how, whole or in ranges (RFC 9110)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from drm.manifest import FileEntry
from seeder.errors import ItemError, LicenceRefusedError
from seeder.opened import PlainFile
from seeder.web.plays import Play
from seeder.web.ranges import Slice, UnsatisfiableRangeError, apply_if_range, parse_range
from seeder.web.streaming import Body, multipart_frames, send_body

__all__ = ["FileAnswer", "kind_of"]

# What a browser shows without running anything of the file's.
IMAGES = frozenset(
    {"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/svg+xml", "image/webp"}
)  # fmt: skip
# A file is a guest on the player's origin: even if it were a page, it could do nothing.
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
# The PDF viewers of browsers are pages of their own and refuse to work in a sandbox.
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; img-src 'self'; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'"
)


def kind_of(media_type: str) -> str:
    """How the page shows a file: video, audio, image, pdf, or other for "not at all"."""
    main = media_type.partition(";")[0].strip().lower()
    if main.startswith("video/"):
        return "video"
    if main.startswith("audio/"):
        return "audio"
    if main in IMAGES:
        return "image"
    return "pdf" if main == "application/pdf" else "other"


def _header_safe(media_type: str) -> str:
    """The media type if it can stand in a header, else the type of plain bytes."""
    fine = media_type.isascii() and media_type.isprintable() and "/" in media_type
    return media_type if fine else "application/octet-stream"


class FileAnswer:
    """The answer to one GET or HEAD of a file."""

    def __init__(self, play: Play, index: int, headers: Headers, *, save: bool) -> None:
        self._play = play
        self._entry: FileEntry = play.package.entries[index]
        self._index = index
        self._asked = headers
        self._save = save

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(self._entry.media_type)
        if (self._save or kind == "other") and not self._play.package.rights.save:
            refusal = PlainTextResponse(
                "Saving a copy is not part of what you have.", HTTPStatus.FORBIDDEN
            )
            await refusal(scope, receive, send)
            return
        try:
            file = await asyncio.to_thread(self._play.package.open, self._index)
        except ItemError as error:
            await self._refuse(error, scope, receive, send)
            return
        try:
            await self._answer(file, scope, receive, send)
        except LicenceRefusedError as error:
            await self._refuse(error, scope, receive, send)
        finally:
            file.close()

    async def _refuse(self, error: ItemError, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(error, LicenceRefusedError):
            self._play.note(error)
        await PlainTextResponse(str(error), HTTPStatus.CONFLICT)(scope, receive, send)

    async def _answer(self, file: PlainFile, scope: Scope, receive: Receive, send: Send) -> None:
        size, etag = file.size, f'"{self._play.package.item.package[:32]}-{self._index}"'
        common = self._headers(etag)
        wanted = apply_if_range(self._asked.get("range"), self._asked.get("if-range"), etag)
        # RFC 9110 section 14.2: Range is defined for GET alone.
        wanted = wanted if scope["method"] == "GET" else None
        try:
            slices = parse_range(wanted, size)
        except UnsatisfiableRangeError:
            answer = PlainTextResponse(
                "The file is shorter than that.",
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
            )
            await answer(scope, receive, send)
            return
        status, extra, body = _plan(file, slices, common["Content-Type"])
        head = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (name.lower().encode(), value.encode("latin-1"))
                for name, value in {**common, **extra}.items()
            ],
        }
        if scope["method"] == "HEAD":
            await send(head)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        refusal = await send_body(head, body, receive=receive, send=send)
        if refusal is not None:
            self._play.note(refusal)

    def _headers(self, etag: str) -> dict[str, str]:
        kind = kind_of(self._entry.media_type)
        attached = self._save or kind == "other"
        name = quote(self._entry.name, safe="")
        return {
            "Content-Type": "application/octet-stream"
            if kind == "other"
            else _header_safe(self._entry.media_type),
            "Content-Disposition": f"{'attachment' if attached else 'inline'}; "
            f"filename*=UTF-8''{name}",
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Content-Security-Policy": PDF_POLICY if kind == "pdf" else FILE_POLICY,
        }


def _plan(
    file: PlainFile, slices: tuple[Slice, ...] | None, media_type: str
) -> tuple[int, Mapping[str, str], Body]:
    """Status, headers and body for no range, one range, or several."""
    size = file.size
    if slices is None:
        whole = (Slice(0, size),)
        return HTTPStatus.OK, {"Content-Length": str(size)}, Body(file, whole)
    if len(slices) == 1:
        [piece] = slices
        extra = {
            "Content-Range": f"bytes {piece.start}-{piece.stop - 1}/{size}",
            "Content-Length": str(piece.length),
        }
        return HTTPStatus.PARTIAL_CONTENT, extra, Body(file, slices)
    boundary, frames, end = multipart_frames(slices, size=size, media_type=media_type)
    length = sum(map(len, frames)) + sum(s.length for s in slices) + len(end)
    extra = {
        "Content-Type": f"multipart/byteranges; boundary={boundary}",
        "Content-Length": str(length),
    }
    return HTTPStatus.PARTIAL_CONTENT, extra, Body(file, slices, frames=frames, end=end)
