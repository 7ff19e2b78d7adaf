from __future__ import annotations

from django.apps import AppConfig

__all__ = ["PublishingConfig"]


class PublishingConfig(AppConfig):
    name = "marketplace.publishing"
