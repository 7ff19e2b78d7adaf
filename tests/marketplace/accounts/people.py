from __future__ import annotations

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
