"""The edge: our errors become pages with a sentence, and the admin gets a policy it works under."""

from __future__ import annotations

from collections.abc import Callable

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from marketplace.core.errors import (
    ConflictError,
    InvalidError,
    MarketplaceError,
    NotAllowedError,
    NotFoundError,
)

__all__ = ["AdminPolicyMiddleware", "DomainErrorMiddleware", "status_of"]

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


class AdminPolicyMiddleware:
    """Loosen the content security policy for the operator's pages, and for no others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._public = get_response
        self._admin = csp_update(settings.ADMIN_POLICY)(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_admin = request.path_info.startswith(reverse("admin:index"))
        return (self._admin if is_admin else self._public)(request)


class DomainErrorMiddleware:
    """Answer a domain error that no view has caught with a page that helps."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and request.accepts("text/html") and not response.content:
            # After a log-in or from the history, a browser asks for what only a button sends.
            page = render(request, "core/error.html", {"status": 405, "detail": ""}, status=405)
            page["Allow"] = response["Allow"]
            return page
        return response

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
