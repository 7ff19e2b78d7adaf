"""Order numbers for people: short enough to read out, without letters that look alike."""

from __future__ import annotations

import secrets

__all__ = ["ALPHABET", "new_number"]

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U


def new_number() -> str:
    """A number such as G-7K2M-Q9XT: 40 random bits; the table keeps them unique."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"G-{text[:4]}-{text[4:]}"
