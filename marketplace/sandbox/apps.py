from __future__ import annotations

from django.apps import AppConfig

__all__ = ["SandboxConfig"]


class SandboxConfig(AppConfig):
    name = "marketplace.sandbox"
