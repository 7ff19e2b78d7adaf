"""What a request may contain, read from the TypedDicts of the installed Stripe SDK.

The SDK leaves every enumeration open (`Literal[…] | str`), so that old clients survive
new values. A server knows its values, so they are closed here.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

import typing_extensions
from stripe import RequestOptions

from marketplace.sandbox.stripe_emulator.errors import ValidationError

__all__ = ["check"]

_OPTIONS = frozenset(RequestOptions.__annotations__)  # they travel as headers
_NAMES = {"StripeContext": object, "HTTPClient": object, "Mapping": Mapping}
_WRAPPERS = (
    typing_extensions.NotRequired,
    typing_extensions.Required,
    typing.Annotated,
)


def check(
    schema: type[Any], data: Mapping[str, Any], *, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return `data` with its strings turned into what `schema` says.

    `required` adds what the SDK's type leaves optional although Stripe insists.
    Raises ValidationError naming the parameter.
    """
    return _check_fields(schema, data, path="", required=frozenset(required))


def _hints(schema: Any) -> dict[str, Any]:
    return _evaluated(schema)


@functools.cache
def _evaluated(schema: Any) -> dict[str, Any]:
    hints = typing_extensions.get_type_hints(schema, localns=_NAMES, include_extras=True)
    return {name: _unwrap(hint) for name, hint in hints.items() if name not in _OPTIONS}


def _unwrap(hint: Any) -> Any:
    while typing_extensions.get_origin(hint) in _WRAPPERS:
        hint = typing_extensions.get_args(hint)[0]
    return hint


def _check_fields(
    schema: type[Any], data: Any, *, path: str, required: frozenset[str] = frozenset()
) -> dict[str, Any]:
    hints = _hints(schema)
    if not isinstance(data, dict):
        raise ValidationError("Invalid object", param=path)
    for name in data:
        if name not in hints:
            raise ValidationError(
                f"Received unknown parameter: {_join(path, name)}",
                code="parameter_unknown",
                param=_join(path, name),
            )
    needed = (schema.__required_keys__ - _OPTIONS) | required
    for name in sorted(needed & hints.keys() - data.keys()):
        raise ValidationError(
            f"Missing required param: {_join(path, name)}.",
            code="parameter_missing",
            param=_join(path, name),
        )
    return {name: _convert(hints[name], value, _join(path, name)) for name, value in data.items()}


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _convert(hint: Any, value: Any, path: str) -> Any:
    hint = _unwrap(hint)
    origin = typing_extensions.get_origin(hint)
    if origin is typing.Literal:
        return _choice(typing_extensions.get_args(hint), value, path)
    if origin in (typing.Union, types.UnionType):
        return _alternative(typing_extensions.get_args(hint), value, path)
    if origin is list:
        (item,) = typing_extensions.get_args(hint)
        return [_convert(item, part, f"{path}[{i}]") for i, part in enumerate(_items(value, path))]
    if origin is dict:
        return _string_map(value, path)
    if typing_extensions.is_typeddict(hint):
        return _check_fields(hint, value, path=path)
    return _scalar(hint, value, path)


def _choice(options: tuple[Any, ...], value: Any, path: str) -> Any:
    if value not in options:
        raise ValidationError(
            f"Invalid {path}: must be one of {', '.join(map(str, options))}", param=path
        )
    return value


def _alternative(options: tuple[Any, ...], value: Any, path: str) -> Any:
    literals = [
        option for option in options if typing_extensions.get_origin(option) is typing.Literal
    ]
    # Literal[''] means "may be unset" and closes nothing.
    closed = any(typing_extensions.get_args(literal) != ("",) for literal in literals)
    failure: ValidationError | None = None
    for option in options:
        if option is str and closed:
            continue
        try:
            return _convert(option, value, path)
        except ValidationError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _items(value: Any, path: str) -> list[Any]:
    if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
        raise ValidationError("Invalid array", param=path)
    return [value[key] for key in sorted(value, key=int)]


def _string_map(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise ValidationError("Invalid object", param=path)
    if len(value) > 50 or any(len(k) > 40 or len(v) > 500 for k, v in value.items()):
        raise ValidationError(
            "Metadata can hold 50 keys of at most 40 characters, with values of at most 500.",
            param=path,
        )
    return dict(value)


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise ValidationError(f"Invalid value at {path}", param=path)
    if hint is bool:
        if value not in ("true", "false"):
            raise ValidationError(f"Invalid boolean: {value}", param=path)
        return value == "true"
    if hint is int:
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            raise ValidationError(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=path
            )
        return int(value)
    return value
