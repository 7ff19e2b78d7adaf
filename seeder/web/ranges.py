"""Range requests (RFC 9110 section 14), without I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Slice", "UnsatisfiableRangeError", "apply_if_range", "parse_range"]

MAX_RANGES = 16  # more is no player but an attack (RFC 9110 section 17.15)
MAX_DIGITS = 19
_SPEC = re.compile(r"(?P<first>[0-9]*)-(?P<last>[0-9]*)", re.ASCII)


class UnsatisfiableRangeError(Exception):
    """None of the ranges touches the file: answer 416."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes start … stop-1 of a file."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


def _number(digits: str) -> int:
    # No file is longer than 19 digits can say, and int() of a megabyte of digits is slow.
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= MAX_DIGITS else 10**MAX_DIGITS


def parse_range(header: str | None, size: int) -> tuple[Slice, ...] | None:
    """Return the slices that a Range header asks for of a file of `size` bytes.

    None means: send the whole file, because there is no header, another unit, a
    syntax error, or so many or overlapping ranges that a whole file is cheaper, all of
    which section 14.2 lets a server ignore. Raises UnsatisfiableRangeError.
    """
    if header is None or len(header) > 8192:
        return None
    unit, equals, rest = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = [part.strip(" \t") for part in rest.split(",")]
    specs = [part for part in specs if part]  # a list may have empty elements (section 5.6.1)
    slices: list[Slice] = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            return None
        if match["first"] and match["last"] and _number(match["last"]) < _number(match["first"]):
            return None
        found = _slice(match["first"], match["last"], size)
        if found is not None:
            slices.append(found)
    if not specs:
        return None
    if size == 0 and any(s.startswith("-") and s.strip("-0") for s in specs):
        return None  # the last n bytes of nothing: the whole of it
    if not slices:
        raise UnsatisfiableRangeError
    return None if _too_dear(slices, size) else tuple(slices)


def _slice(first: str, last: str, size: int) -> Slice | None:
    if not first:
        start, stop = size - min(_number(last), size), size
    else:
        start = _number(first)
        stop = min(_number(last) + 1, size) if last else size
    return Slice(start, stop) if start < stop else None


def _too_dear(slices: list[Slice], size: int) -> bool:
    ordered = sorted(slices, key=lambda s: s.start)
    overlap = any(a.stop > b.start for a, b in pairwise(ordered))
    return len(slices) > 1 and (len(slices) > MAX_RANGES or overlap)


def apply_if_range(range_header: str | None, if_range: str | None, etag: str) -> str | None:
    """The Range header that counts: none where If-Range names anything but our strong ETag.

    A date never fits, since these files have no Last-Modified (section 13.1.5).
    """
    if if_range is not None and if_range.strip() != etag:
        return None
    return range_header
