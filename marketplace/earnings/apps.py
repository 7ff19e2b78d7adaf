from __future__ import annotations

from django.apps import AppConfig

__all__ = ["EarningsConfig"]


class EarningsConfig(AppConfig):
    name = "marketplace.earnings"
