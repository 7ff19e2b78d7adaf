from __future__ import annotations

from django.apps import AppConfig

__all__ = ["ContinuityConfig"]


class ContinuityConfig(AppConfig):
    name = "marketplace.continuity"

    def ready(self) -> None:
        from marketplace.continuity import checks  # noqa: F401  # registers itself
