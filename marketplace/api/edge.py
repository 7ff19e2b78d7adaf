"""The edge of the API: who calls, and how errors leave."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.security.http import HttpAuthBase

from marketplace.accounts import services as accounts
from marketplace.accounts.errors import SeederRefusedError
from marketplace.accounts.types import Device, User
from marketplace.core.errors import MarketplaceError
from marketplace.core.middleware import status_of

__all__ = [
    "DeviceKeyAuth",
    "SeederAuth",
    "caller",
    "error_response",
    "handle_errors",
    "refusal",
    "unknown_address",
]


class SeederAuth(HttpAuthBase):
    """`Authorization: DPoP <access token>` with a proof by the device's key (RFC 9449)."""

    openapi_scheme = "DPoP"

    def __call__(self, request: HttpRequest) -> tuple[User, Device]:
        return accounts.authenticate_seeder(
            authorization=request.headers.get("Authorization", ""),
            proof=request.headers.get("DPoP", ""),
            method=request.method or "",
            url=request.path,
            now=timezone.now(),
            address=accounts.client_address(request),
        )


class DeviceKeyAuth(SeederAuth):
    """As SeederAuth, or a proof alone: so a removed device can ask what became of it."""

    def __call__(self, request: HttpRequest) -> tuple[User, Device]:
        proof = request.headers.get("DPoP", "")
        if "Authorization" in request.headers or not proof:
            return super().__call__(request)
        device = accounts.authenticate_device_key(
            proof=proof, method=request.method or "", url=request.path, now=timezone.now()
        )
        return device.user, device


def caller(request: HttpRequest) -> tuple[User, Device]:
    """The user and the device that SeederAuth let in."""
    user, device = request.auth  # type: ignore[attr-defined]  # set by ninja
    return user, device


def error_response(status: int, code: str, message: str) -> JsonResponse:
    """A refusal as every client reads it."""
    response = JsonResponse({"code": code, "message": message}, status=status)
    response["Cache-Control"] = "no-store"
    return response


def refusal(error: MarketplaceError) -> JsonResponse:
    """What a domain error is to a client."""
    if isinstance(error, SeederRefusedError):
        response = error_response(401, error.code, str(error))
        response["WWW-Authenticate"] = f'DPoP error="{error.code}", algs="EdDSA"'
        return response
    status = status_of(error)
    # Errors that carry an id for the log carry no sentence; and what was not found is not told.
    message = _("There is nothing here for this account.") if status == 404 else str(error)
    return error_response(status, error.code, message)


def handle_errors(api: NinjaAPI) -> None:
    """Let every error of `api` leave as {"code", "message"}."""

    @api.exception_handler(MarketplaceError)
    def on_domain_error(request: HttpRequest, error: MarketplaceError) -> HttpResponse:
        return refusal(error)

    @api.exception_handler(ValidationError)
    def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        faults = "; ".join(_fault(entry) for entry in error.errors[:5])
        return error_response(422, "invalid", _("The request cannot be read: %s.") % faults)

    @api.exception_handler(HttpError)
    def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
        return error_response(error.status_code, "invalid", f"{error}.".replace("..", "."))

    @api.exception_handler(Http404)
    def on_not_found(request: HttpRequest, error: Http404) -> HttpResponse:
        return unknown_address(request)


def unknown_address(request: HttpRequest) -> HttpResponse:
    """Whatever lies under /api/ and is no address of it."""
    return error_response(404, "not_found", _("The API has no such address."))


def _fault(entry: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in entry.get("loc", ()))
    return f"{place}: {entry.get('msg', '')}"
