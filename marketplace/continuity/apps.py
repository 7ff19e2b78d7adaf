from __future__ import annotations

from django.apps import AppConfig

__all__ = ["ContinuityConfig"]


class ContinuityConfig(AppConfig):
    name = "marketplace.continuity"
