"""What the administration pages of every app share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

__all__ = ["ReadOnly"]


class ReadOnly:
    """Services write these rows, with their checks and locks; the administration shows them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
