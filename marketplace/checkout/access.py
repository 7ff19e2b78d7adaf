from __future__ import annotations

from django.http import HttpRequest

from marketplace.accounts.types import User

__all__ = ["person"]


def person(request: HttpRequest) -> User:
    """Who is logged in, behind login_required."""
    assert isinstance(request.user, User)
    return request.user
