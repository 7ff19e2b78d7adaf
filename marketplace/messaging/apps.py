from __future__ import annotations

from django.apps import AppConfig

__all__ = ["MessagingConfig"]


class MessagingConfig(AppConfig):
    name = "marketplace.messaging"
