from __future__ import annotations

from django.apps import AppConfig

__all__ = ["LicensingConfig"]


class LicensingConfig(AppConfig):
    name = "marketplace.licensing"
