"""Resumable uploads (tus 1.0): `uploads` is the ASGI app to mount at /uploads/."""

from __future__ import annotations

from marketplace.packaging.tus.app import uploads

__all__ = ["uploads"]
