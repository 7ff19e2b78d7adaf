from __future__ import annotations

from django.apps import AppConfig

__all__ = ["OperationsConfig"]


class OperationsConfig(AppConfig):
    name = "marketplace.operations"

    def ready(self) -> None:
        from marketplace.operations import checks  # noqa: F401  # registers itself
