from __future__ import annotations

from django.apps import AppConfig

__all__ = ["DistributionConfig"]


class DistributionConfig(AppConfig):
    name = "marketplace.distribution"
