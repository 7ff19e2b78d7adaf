"""A fresh log-in, before what cannot be taken back: who finds an open session has none."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url

from marketplace.accounts.adapter import logged_in_recently
from marketplace.accounts.models import User

__all__ = ["log_in_again", "logged_in_recently"]


def log_in_again(request: HttpRequest, *, page: str, after_log_in: str) -> HttpResponseRedirect:
    """Ask for the password, and go on to the address `page` with it.

    Who has none is logged out and logs in anew, and goes on to `after_log_in`.
    """
    assert isinstance(request.user, User)
    if request.user.has_usable_password():
        again, following = resolve_url("account_reauthenticate"), page
    else:
        logout(request)  # nothing to confirm with, so the whole log-in is done again
        again, following = resolve_url("account_login"), after_log_in
    return redirect(f"{again}?{urlencode({'next': following})}")
