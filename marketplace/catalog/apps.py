from __future__ import annotations

from django.apps import AppConfig

__all__ = ["CatalogConfig"]


class CatalogConfig(AppConfig):
    name = "marketplace.catalog"
