"""How cover files are named."""

from __future__ import annotations

import re

__all__ = ["COVER_FOLDER", "COVER_NAME", "small_name"]

COVER_FOLDER = "covers"
COVER_NAME = re.compile(r"[0-9a-f]{32}(-small)?\.webp")


def small_name(name: str) -> str:
    """The name of the small size beside the large one called `name`."""
    return name.removesuffix(".webp") + "-small.webp"
