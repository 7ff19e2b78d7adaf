"""How codes are compared: whatever way somebody types one, it reads the same."""

from __future__ import annotations

import secrets
import unicodedata

from marketplace.core.text import can_be_seen, search_form

__all__ = ["LONGEST", "SHORTEST", "new_text", "normalised"]

SHORTEST, LONGEST = 4, 40  # letters and digits
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that look alike


def normalised(text: str) -> str:
    """The letters and digits of `text` alone, NFKC and case folded.

    "Summer-10", "ＳＵＭＭＥＲ 10" and "summer10" are one code; "" has no letter or digit.
    """
    return "".join(c for c in search_form(text) if _counts(c))


def new_text() -> str:
    """A code that nobody guesses, such as M4KQ-7ZTW: 39 random bits."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{text[:4]}-{text[4:]}"


def _counts(char: str) -> bool:
    # Accents are marks; the fillers of Hangul are letters that nobody sees.
    family = unicodedata.category(char)[0]
    return family == "M" or (family in "LN" and can_be_seen(char))
