"""How long Stripe is waited for: a person at a page has less time than a sweep.

Everything that one request asks of Stripe shares one deadline, because a press of a button
may close an old page, read it, and open a new one. What is not answered by then is not lost:
it was written down first, and the next press, the webhook or the sweep goes on with it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import requests
from django.conf import settings
from django.http import HttpRequest, HttpResponse

__all__ = ["BoundedSession", "PatienceMiddleware", "a_person_waits", "is_hurried"]

SWEEP = (5.0, 25.0)  # seconds to connect, and between two reads, where nobody waits
LEAST = 1.0  # seconds in which an answer may be hoped for; with less, nothing is asked

_deadline: ContextVar[float | None] = ContextVar("stripe_deadline", default=None)


@contextlib.contextmanager
def a_person_waits(seconds: float | None = None) -> Iterator[None]:
    """Bound all that is asked of Stripe inside to `seconds` together (STRIPE_PATIENCE)."""
    bound = settings.STRIPE_PATIENCE if seconds is None else seconds
    token = _deadline.set(time.monotonic() + bound)
    try:
        yield
    finally:
        _deadline.reset(token)


def is_hurried() -> bool:
    """Whether somebody waits for what is asked now."""
    return _deadline.get() is not None


class PatienceMiddleware:
    """Whoever sent this request waits for its answer: a person, or Stripe's own webhook."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with a_person_waits():
            return self.get_response(request)


class BoundedSession(requests.Session):
    """A session whose every request keeps to the deadline, if there is one."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """As of requests. Raises RequestException, which the SDK does not retry, when it is late."""
        return super().request(*args, **{**kwargs, "timeout": _timeout()})


def _timeout() -> tuple[float, float]:
    """Seconds to connect, and between two reads: such that a second try has time, too."""
    deadline = _deadline.get()
    if deadline is None:
        return SWEEP
    left = deadline - time.monotonic()
    if left < min(LEAST, settings.STRIPE_PATIENCE / 4):
        raise requests.RequestException("no time is left to ask Stripe: somebody waits")
    # A name has several addresses, and each is tried as long.
    return left * 0.15, left * 0.5
