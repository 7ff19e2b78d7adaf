"""Sends slices of plaintext: decrypted in a thread, one step ahead of the socket.

Nothing is held but two chunks, and nothing touches the disk. Where the ciphertext turns
out to be changed, the connection ends short of its Content-Length: a player sees a
broken transfer, never wrong bytes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import Any

from starlette.types import Receive, Send

from drm.stream import SEGMENT_SIZE
from seeder.errors import LicenceRefusedError
from seeder.opened import PlainFile
from seeder.web.ranges import Slice

__all__ = ["Body", "multipart_frames", "send_body"]

HEADER = 40
PAYLOAD = SEGMENT_SIZE - 16  # plaintext of one segment (docs/format-v1.md, section 4)
MOST_SEGMENTS = 16  # a seek answers after one segment, a long read goes by about a mebibyte

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="decrypt")


class Body:
    """Slices of a file, with frames around them where there are several."""

    def __init__(
        self,
        file: PlainFile,
        slices: Sequence[Slice],
        *,
        frames: Sequence[bytes] = (),
        end: bytes = b"",
    ) -> None:
        self.file = file
        self.slices = slices
        self.frames = frames
        self.end = end

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body's bytes. Raises LicenceRefusedError where the ciphertext was changed."""
        for number, piece in enumerate(self.slices):
            frame = self.frames[number] if self.frames else b""
            async with aclosing(_decrypted(self.file, piece)) as parts:
                async for data in parts:
                    yield frame + data if frame else data
                    frame = b""
        if self.end:
            yield self.end


def _edge(position: int, segments: int) -> int:
    """Where the chunk that begins at `position` ends: where a segment ends.

    So no segment is decrypted for two chunks.
    """
    return ((position + HEADER) // PAYLOAD + segments) * PAYLOAD - HEADER


async def _decrypted(file: PlainFile, piece: Slice) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    position, segments = piece.start, 1
    ahead: asyncio.Future[bytes] | None = None

    def read_on() -> asyncio.Future[bytes]:
        stop = min(_edge(position, segments), piece.stop)
        return loop.run_in_executor(_threads, file.read_at, position, stop - position)

    try:
        while position < piece.stop:
            data = await (ahead or read_on())
            ahead = None
            position += len(data)
            segments = min(segments * 4, MOST_SEGMENTS)
            if position < piece.stop:
                ahead = read_on()
            yield data
    finally:
        if ahead is not None:
            # The thread still reads from the file, which is closed after this.
            with suppress(LicenceRefusedError):
                await ahead


def multipart_frames(
    slices: Sequence[Slice], *, size: int, media_type: str
) -> tuple[str, list[bytes], bytes]:
    """Boundary, the frame before each part, and the end (RFC 9110 section 14.6)."""
    boundary = secrets.token_hex(16)
    frames = []
    for number, piece in enumerate(slices):
        opening = "" if number == 0 else "\r\n"
        frame = (
            f"{opening}--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: bytes {piece.start}-{piece.stop - 1}/{size}\r\n\r\n"
        )
        frames.append(frame.encode())
    return boundary, frames, f"\r\n--{boundary}--\r\n".encode()


async def send_body(
    head: MutableMapping[str, Any], body: Body, *, receive: Receive, send: Send
) -> LicenceRefusedError | None:
    """Send head and body; the head waits for the first decrypted chunk.

    Returns the refusal where changed bytes cut the body short: the server then closes
    the connection. Raises it where nothing was sent yet, so that a sentence can be.
    """
    started = False
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        async with aclosing(body.chunks()) as chunks:
            async for data in chunks:
                if gone.done():
                    return None
                if not started:
                    await send(head)
                    started = True
                await send({"type": "http.response.body", "body": data, "more_body": True})
        if not started:
            await send(head)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except LicenceRefusedError as error:
        if not started:
            raise
        return error
    finally:
        gone.cancel()
    return None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
