from __future__ import annotations

from django.apps import AppConfig

__all__ = ["PackagingConfig"]


class PackagingConfig(AppConfig):
    name = "marketplace.packaging"
