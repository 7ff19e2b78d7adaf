"""The body of a PATCH, on its way to the file."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from channels.db import database_sync_to_async
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.packaging import uploads as service
from marketplace.packaging.errors import FileTooLargeError, UploadBusyError
from marketplace.packaging.files import PATIENCE, PAUSE, UploadFile
from marketplace.packaging.media import HEAD_SIZE
from marketplace.packaging.models import Upload
from marketplace.packaging.tus.messages import CutError, Refusal, Request

__all__ = ["CHECKSUMS", "Checksum", "held", "receive_into", "record"]

CHECKSUMS = ("sha1", "sha256")
BUFFER = 1024**2  # bytes held before they are written
IDLE = 30.0  # seconds without a byte until a connection counts as cut


async def receive_into(
    file: UploadFile, upload: Upload, checksum: Checksum | None, request: Request
) -> None:
    """Append the body of `request` to `file`, BUFFER bytes at a time.

    What came before a cut is kept, unless it was to be verified. Raises CutError,
    Refusal, FileTooLargeError, OSError.
    """
    start = file.offset
    if checksum is not None:
        await asyncio.to_thread(file.begin_unverified)
    try:
        async for data in _pieces(request, upload.size - start):
            await asyncio.to_thread(file.append, data)
            if checksum is not None:
                checksum.update(data)
        if checksum is not None:
            checksum.verify()
            await asyncio.to_thread(file.verified)
    except FileTooLargeError:
        file.cut_back(start)
        raise
    finally:
        file.roll_back()


async def _pieces(request: Request, room: int) -> AsyncIterator[bytearray]:
    """The body in pieces of about BUFFER bytes; the last ones also when it is cut.

    Raises FileTooLargeError past `room` bytes, CutError, and Refusal after IDLE seconds.
    """
    too_long = FileTooLargeError(_("More bytes came than the file was said to have."))
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > room:
        raise too_long
    buffer = bytearray()
    end: Refusal | CutError | None = None
    while True:
        try:
            message = await asyncio.wait_for(request.receive(), IDLE)
        except TimeoutError:
            end = Refusal(408, _("Nothing came for %(n)d seconds. Resume.") % {"n": IDLE})
            break
        if message["type"] == "http.disconnect":
            end = CutError()
            break
        buffer += message.get("body", b"")
        if len(buffer) > room:
            raise too_long
        if len(buffer) >= BUFFER:
            room -= len(buffer)
            yield buffer
            buffer = bytearray()
        if not message.get("more_body", False):
            break
    if buffer:
        yield buffer
    if end is not None:
        raise end


async def record(file: UploadFile, upload: Upload) -> int:
    """Tell the database what the file holds now, and complete the upload when that is all."""
    received = file.offset
    if received < upload.size:
        await database_sync_to_async(service.record_received)(
            upload_id=upload.pk, received=received
        )
        return received
    await asyncio.to_thread(file.sync)
    await database_sync_to_async(service.finish_upload)(
        upload_id=upload.pk, head=file.head(HEAD_SIZE), now=timezone.now()
    )
    upload.completed_at = timezone.now()
    return received


@contextlib.asynccontextmanager
async def held(path: Path) -> AsyncIterator[UploadFile]:
    """UploadFile.hold for the event loop: it waits without a thread."""
    with contextlib.closing(await _open_patiently(path)) as file:
        yield file


async def _open_patiently(path: Path) -> UploadFile:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await asyncio.to_thread(UploadFile, path)
        except UploadBusyError:
            if time.monotonic() >= deadline:
                raise
        await asyncio.sleep(PAUSE)


class Checksum:
    """What `Upload-Checksum` says of a body, and the body's own."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self._expected = expected
        # SHA-1 is the algorithm that tus requires; it guards against accidents alone.
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    @classmethod
    def asked_for(cls, header: str | None) -> Checksum | None:
        """Read the header. Raises Refusal where it is malformed or names another algorithm."""
        if header is None:
            return None
        algorithm, _space, encoded = header.partition(" ")
        if algorithm not in CHECKSUMS:
            known = ", ".join(CHECKSUMS)
            raise Refusal(400, _("Checksums here are %(known)s.") % {"known": known})
        try:
            return cls(algorithm, base64.b64decode(encoded, validate=True))
        except binascii.Error:
            raise Refusal(400, _("The checksum is not base64.")) from None

    def update(self, data: bytearray) -> None:
        self._hash.update(data)

    def verify(self) -> None:
        """Raise Refusal (460, as tus has it) where the bytes differ from what was sent."""
        if self._hash.digest() != self._expected:
            raise Refusal(460, _("Some bytes changed on the way. Send this piece again."))
