"""What an answer looks like, read from the resource classes of the installed Stripe SDK."""

from __future__ import annotations

import builtins
import decimal
import functools
import sys
import types
import typing
from typing import Any

from stripe import StripeObject

__all__ = ["fill", "mismatches"]

# Stripe leaves these out unless they are asked for by `expand`, or true.
_ONLY_WHEN_PRESENT = frozenset({"line_items", "refunds", "deleted"})


def fill(resource: type[StripeObject], **fields: Any) -> dict[str, Any]:
    """Return an object with `fields`, and null in each nullable field that is not given."""
    blank = {
        name: None
        for name, hint in _hints(resource).items()
        if _is_nullable(hint) and name not in _ONLY_WHEN_PRESENT
    }
    return {**blank, **fields}


def mismatches(resource: type[StripeObject], data: dict[str, Any], path: str = "") -> list[str]:
    """Say where `data` is not what the SDK's class `resource` announces; [] when it is."""
    hints = _hints(resource)
    found = [f"{path}{name}: unknown field" for name in data.keys() - hints.keys()]
    for name, hint in hints.items():
        if name in data:
            found += _check(hint, data[name], f"{path}{name}")
        elif not _is_nullable(hint):
            found.append(f"{path}{name}: missing")
    return found


class _Names(dict[str, Any]):
    """Names for evaluating annotations; what is imported for type checkers alone is Any."""

    def __missing__(self, name: str) -> Any:
        return Any


def _hints(resource: Any) -> dict[str, Any]:
    return _evaluated(resource)


@functools.cache
def _evaluated(resource: Any) -> dict[str, Any]:
    names = _Names({**vars(builtins), **vars(sys.modules[resource.__module__]), **vars(resource)})
    hints = typing.get_type_hints(resource, localns=names)
    return {
        name: hint
        for name, hint in hints.items()
        if not name.startswith("_") and typing.get_origin(hint) is not typing.ClassVar
    }


def _is_nullable(hint: Any) -> bool:
    return type(None) in typing.get_args(hint) or hint is Any


def _check(hint: Any, value: Any, path: str) -> list[str]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return []
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return []
        tries = [_check(arg, value, path) for arg in _closed(args)]
        return [] if any(not found for found in tries) else min(tries, key=len)
    if origin is typing.Literal:
        return [] if value in args else [f"{path}: {value!r} is none of {args[:8]}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [f for i, item in enumerate(value) for f in _check(args[0], item, f"{path}[{i}]")]
    kind = origin or hint
    if isinstance(kind, type) and issubclass(kind, StripeObject):
        return _check_object(kind, value, path)
    if kind is decimal.Decimal:
        kind = (decimal.Decimal, str)  # a text on the line, a number in the SDK
    good = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    return [] if good else [f"{path}: {value!r} is no {kind.__name__}"]


def _check_object(kind: type[StripeObject], value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    # Lists and free-form maps (metadata) are generic: their fields are not declared.
    declared = bool(_hints(kind)) and "data" not in _hints(kind)
    return mismatches(kind, value, f"{path}.") if declared else []


def _closed(args: tuple[Any, ...]) -> list[Any]:
    literal = any(typing.get_origin(arg) is typing.Literal for arg in args)
    return [arg for arg in args if arg is not type(None) and not (literal and arg is str)]
