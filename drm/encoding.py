"""Base64url and canonical JSON, strict in both directions (docs/format-v1.md, section 1)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from drm.errors import FormatError

__all__ = [
    "b64u",
    "canonical_json",
    "from_b64u",
    "member",
    "parse_object",
    "time_from",
    "time_to_claim",
]

# Section 1.2: what every JSON reader holds exactly (RFC 7493, section 2.2).
MAX_INTEGER = 2**53 - 1
# Section 1.2: no reader's stack decides what a document may say.
MAX_DEPTH = 64

T = TypeVar("T")


def b64u(data: bytes) -> str:
    """Return `data` in base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_b64u(text: object) -> bytes:
    """Return the bytes of `text`; only the one spelling that `b64u` makes is accepted.

    Raises FormatError on padding, other alphabets and stray bits: a second spelling of
    the same signature would be a second name for the same package.
    """
    if not isinstance(text, str):
        raise FormatError("A base64url text is missing. Get this document again from the shop.")
    try:
        encoded = text.encode("ascii")
        data = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise FormatError(
            "A text is not base64url. Get this document again from the shop."
        ) from error
    if b64u(data) != text:
        raise FormatError(
            "A base64url text is not in its one spelling. Get this document again from the shop."
        )
    return data


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Return the JSON bytes of `value` by RFC 8785, for objects, lists, texts, integers,
    booleans and null with ASCII member names.

    Raises FormatError for anything else, floats among it.
    """
    _check(value)
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8")


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the object that `data` holds as JSON.

    Raises FormatError where it is no object, repeats a member, holds a float, or a text that is
    no Unicode.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
        if not isinstance(value, dict):
            raise FormatError("A document is not a JSON object. Get it again from the shop.")
        _check(value)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise FormatError("A document is not JSON. Get it again from the shop.") from error
    return value


def member(claims: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return `claims[name]`, which must be there and of exactly the type `kind`."""
    value = claims.get(name)
    # type(), as a bool would pass for an int.
    if type(value) is not kind:
        raise FormatError(
            f"“{name}” is missing or malformed. Get this document again from the shop."
        )
    return value


def time_to_claim(moment: datetime) -> int:
    """Return whole seconds since 1970 in UTC. Raises ValueError where `moment` has no zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is not a moment")
    return int(moment.timestamp())


def time_from(claims: Mapping[str, Any], name: str) -> datetime:
    """Return the moment in `claims[name]`. Raises FormatError."""
    try:
        return datetime.fromtimestamp(member(claims, name, int), tz=UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise FormatError(f"“{name}” is not a time. Get this document again.") from error


def _check(value: object, depth: int = 1) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise FormatError("A number is too large for this format.")
    elif isinstance(value, list | tuple | Mapping):
        _check_inside(value, depth)
    else:
        raise FormatError("A document holds something that this format cannot carry.")


def _check_inside(value: Iterable[object], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise FormatError(f"A document nests deeper than {MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) and name.isascii() for name in value):
            raise FormatError("A member name is not ASCII text.")
        value = value.values()
    for item in value:
        _check(item, depth + 1)


def _check_text(text: str) -> None:
    # Section 1.2: an escape can spell half a character, which is no Unicode text.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError("A text holds half a character, which is no Unicode.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise FormatError("A document says the same thing twice. Get it again from the shop.")
    return members


def _no_float(text: str) -> Any:
    raise FormatError("A document holds a fraction, which this format does not know.")
