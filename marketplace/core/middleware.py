"""The edge: our errors become pages with the right status and a sentence."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from marketplace.core.errors import (
    ConflictError,
    InvalidError,
    MarketplaceError,
    NotAllowedError,
    NotFoundError,
)

__all__ = ["DomainErrorMiddleware", "status_of"]

_STATUS: list[tuple[type[MarketplaceError], int]] = [
    (NotAllowedError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (InvalidError, 422),
]


def status_of(error: MarketplaceError) -> int:
    """The HTTP status that says best what `error` means."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 500


class DomainErrorMiddleware:
    """Answer a domain error that no view has caught with a page that helps."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, MarketplaceError):
            return None
        status = status_of(error)
        if status == 500:
            return None  # a kind that the edge does not know is a fault of ours, and logged
        # What was not found is not described: its existence is nobody's business.
        detail = "" if status == 404 else str(error)
        context = {"status": status, "code": error.code, "detail": detail}
        return render(request, "core/error.html", context, status=status)
