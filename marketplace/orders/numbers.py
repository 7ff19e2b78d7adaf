"""Order numbers for people: short enough to read out, without letters that look alike."""

from __future__ import annotations

import secrets

__all__ = ["ALPHABET", "new_bill_number", "new_number"]

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U


def new_number() -> str:
    """The number of an order, such as G-7K2M-Q9XT: 40 random bits; the table keeps it unique."""
    return f"G-{_text()}"


def new_bill_number() -> str:
    """The number of a bill, such as B-7K2M-Q9XT, for the receipt of all that was paid at once."""
    return f"B-{_text()}"


def _text() -> str:
    text = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{text[:4]}-{text[4:]}"
