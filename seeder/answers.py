"""What comes back from a shop's address: bounded in size and time, and JSON or nothing.

Whoever answers there may be nobody's shop. So an answer without an end, or one that is
made to break its reader, is an answer that cannot be read, and no more than that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx

from seeder.errors import ShopAnswerError

__all__ = ["UNREADABLE", "bound", "read_answer"]

LARGEST = 256 * 1024 * 1024  # bytes; the torrent of a film of a terabyte is smaller
PATIENCE = 30.0  # seconds for which an answer may come as slowly as it likes
SLOWEST = 1000  # bytes a second after that, on average
UNREADABLE = "The shop's answer cannot be read. Try again later."


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        began, size = time.monotonic(), 0
        for part in self._stream:
            size += len(part)
            seconds = time.monotonic() - began
            if size > LARGEST or (seconds > PATIENCE and size < seconds * SLOWEST):
                raise ShopAnswerError(
                    "The shop's answer does not come to an end, so it was not waited for. "
                    "Try again later."
                )
            yield part

    def close(self) -> None:
        self._stream.close()


def bound(response: httpx.Response) -> None:
    """Bound the body of an answer before it is read; for httpx's event hook `response`.

    Reading it raises ShopAnswerError where it is too large or too slow. A compressed body is
    refused, since nobody asked for one and its size says nothing.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ShopAnswerError(UNREADABLE)
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream)


def read_answer(response: httpx.Response) -> Any:
    """The JSON of an answer: numbers that are finite, texts that are Unicode.

    Raises ShopAnswerError.
    """
    try:
        value = json.loads(response.content, parse_constant=_not_finite)
        # What could not be written could not be kept either: 1e999, half a surrogate pair.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ShopAnswerError(UNREADABLE) from error
    return value


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
