from __future__ import annotations

from django.apps import AppConfig

__all__ = ["CheckoutConfig"]


class CheckoutConfig(AppConfig):
    name = "marketplace.checkout"
