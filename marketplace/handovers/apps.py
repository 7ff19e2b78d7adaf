from __future__ import annotations

from django.apps import AppConfig

__all__ = ["HandoversConfig"]


class HandoversConfig(AppConfig):
    name = "marketplace.handovers"
