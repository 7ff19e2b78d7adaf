from __future__ import annotations

import time

from django.test import Client

from marketplace.accounts.models import User

PASSWORD = "correct horse battery staple"


def log_in(user: User, *, enforce_csrf_checks: bool = False) -> Client:
    """A browser that has gone through the log-in page."""
    client = Client()
    answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    if not enforce_csrf_checks:
        return client
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    return strict


def browser_of(user: User) -> Client:
    """A browser that `user` has just logged in with, without the page: it takes no time."""
    client = Client()
    client.force_login(user)
    session = client.session
    # As allauth notes it (allauth.account.internal.flows.login).
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client
