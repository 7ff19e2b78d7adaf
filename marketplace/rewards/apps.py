from __future__ import annotations

from django.apps import AppConfig

__all__ = ["RewardsConfig"]


class RewardsConfig(AppConfig):
    name = "marketplace.rewards"
