"""The tables of this app, for annotations and foreign keys elsewhere."""

from __future__ import annotations

from marketplace.accounts.models import Device, Seller, User

__all__ = ["Device", "Seller", "User"]
