from __future__ import annotations

from django.apps import AppConfig

__all__ = ["LibraryConfig"]


class LibraryConfig(AppConfig):
    name = "marketplace.library"
