from __future__ import annotations

from django.apps import AppConfig

__all__ = ["DiscountsConfig"]


class DiscountsConfig(AppConfig):
    name = "marketplace.discounts"
