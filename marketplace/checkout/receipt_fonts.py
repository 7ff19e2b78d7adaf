"""The font of the receipts, and what it can write (Noto Sans KR, SIL Open Font License 1.1)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings
from fontTools.ttLib import TTFont

__all__ = ["BOLD", "REGULAR", "font_file", "writable"]

REGULAR: Final = "400Regular"
BOLD: Final = "700Bold"
_UNKNOWN: Final = "?"


def font_file(weight: str) -> Path:
    """The TrueType file of a weight; a PDF takes from it the characters that it needs."""
    return Path(settings.RECEIPT_FONT_DIR) / weight / f"NotoSansKR_{weight}.ttf"


def writable(text: str) -> str:
    """`text` in one line, as far as the font can write it.

    A letter that it lacks is written without its mark (ź as z); of what is left, as emoji,
    a question mark stands for each.
    """
    return "".join(_written(character) for character in " ".join(text.split()))


def _written(character: str) -> str:
    known = _points()
    if ord(character) in known:
        return character
    parts = unicodedata.normalize("NFKD", character)
    plain = [part for part in parts if ord(part) in known and not unicodedata.combining(part)]
    return "".join(plain) or _UNKNOWN


@lru_cache(maxsize=1)
def _points() -> frozenset[int]:
    """Every code point that the font has, in each of its weights."""
    with TTFont(font_file(REGULAR), lazy=True) as font:
        return frozenset(font.getBestCmap())
