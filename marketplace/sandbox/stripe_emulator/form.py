"""Stripe's form encoding: `line_items[0][price_data][currency]=krw`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from marketplace.sandbox.stripe_emulator.errors import ValidationError

__all__ = ["parse_form"]

_KEY = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")


def parse_form(text: str) -> dict[str, Any]:
    """Return the tree that a query string or a form body describes; every leaf is a string.

    A list comes out as a dict by index, as it went in; the contract, which knows
    what should be a list, turns it into one. Raises ValidationError.
    """
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if not _KEY.fullmatch(key):
            raise ValidationError(f"Invalid request (unable to parse the parameter {key})")
        first, *rest = [part.removesuffix("]") for part in key.split("[")]
        _put(tree, [first, *rest], value, key)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    node = tree
    for part in path[:-1]:
        child = node.setdefault(part or str(len(node)), {})
        if not isinstance(child, dict):
            raise ValidationError(f"Invalid request (the parameter {key} is given twice)")
        node = child
    node[path[-1] or str(len(node))] = value
