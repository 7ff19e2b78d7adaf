"""What a person sets about themselves, and where their requests come from."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from marketplace.accounts.models import NAME_MAX, User
from marketplace.core.text import clean_line

__all__ = ["client_address", "set_display_name"]


def client_address(request: HttpRequest) -> str | None:
    """The network address of the caller; ALLAUTH_TRUSTED_PROXY_COUNT says whom to believe.

    None where there is none, as behind a Unix socket.
    """
    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:
        return None


def set_display_name(*, user: User, name: str) -> User:
    """How the shop addresses `user`; an empty name means the e-mail address is shown."""
    user.display_name = clean_line(name)[:NAME_MAX].strip()
    user.save(update_fields=["display_name"])
    return user
