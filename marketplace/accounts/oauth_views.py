"""The two addresses of the device login for programs. Every answer is JSON, also a refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from allauth.core import ratelimit
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from marketplace.accounts import services
from marketplace.accounts.errors import OAuthError
from marketplace.accounts.services import TokenPair

__all__ = ["device_authorization", "token"]

_FORM = "application/x-www-form-urlencoded"
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def _oauth_endpoint(
    view: Callable[[HttpRequest], dict[str, object]],
) -> Callable[..., JsonResponse]:
    """A POST of a form, answered in the shapes of RFC 6749, sections 5.1 and 5.2."""

    @csrf_exempt  # no cookie is read: a browser's session counts for nothing here
    @wraps(view)
    def answer(request: HttpRequest) -> JsonResponse:
        try:
            _require_form(request)
            response = JsonResponse(view(request))
        except SuspiciousOperation as error:  # too many fields, or a body too large to read
            body = {"error": "invalid_request", "error_description": str(error)}
            response = JsonResponse(body, status=400)
        except OAuthError as error:
            status = 429 if error.error == "temporarily_unavailable" else 400
            body = {"error": error.error, "error_description": str(error)}
            response = JsonResponse(body, status=status)
        response["Cache-Control"] = "no-store"
        return response

    return answer


def _require_form(request: HttpRequest) -> None:
    if request.method != "POST":
        raise OAuthError("invalid_request", "Use POST.")
    if request.content_type != _FORM:
        raise OAuthError("invalid_request", f"Send the fields as {_FORM}.")


def _field(request: HttpRequest, name: str) -> str:
    values = request.POST.getlist(name)
    if len(values) > 1:
        raise OAuthError("invalid_request", f"Send {name} once, not {len(values)} times.")
    return values[0] if values else ""


@_oauth_endpoint
def device_authorization(request: HttpRequest) -> dict[str, object]:
    """RFC 8628, section 3.1, with the device's keys."""
    if not ratelimit.consume(request, action="device_begin"):
        raise OAuthError("temporarily_unavailable", "Too many logins begin here. Wait ten minutes.")
    codes = services.start_device_login(
        request=services.DeviceRequest(
            client_id=_field(request, "client_id"),
            scope=_field(request, "scope"),
            device_name=_field(request, "device_name"),
            sealing_suite=_field(request, "sealing_suite"),
            sealing_key=_field(request, "sealing_key"),
            sealing_key_signature=_field(request, "sealing_key_signature"),
        ),
        proof=request.headers.get("DPoP", ""),
        url=request.path,
        address=services.client_address(request),
        now=timezone.now(),
    )
    # No verification_uri_complete: the code is to be typed by someone who reads it.
    return {
        "device_code": codes.device_code,
        "user_code": codes.user_code,
        "verification_uri": f"{settings.SITE_URL}{reverse('accounts:device')}",
        "expires_in": codes.expires_in,
        "interval": codes.interval,
    }


@_oauth_endpoint
def token(request: HttpRequest) -> dict[str, object]:
    """RFC 8628, section 3.4, and RFC 6749, section 6."""
    grant_type = _field(request, "grant_type")
    if not grant_type:
        raise OAuthError("invalid_request", "Send grant_type.")
    if grant_type == _DEVICE_CODE:
        return _answer(
            services.redeem_device_code(
                client_id=_field(request, "client_id"),
                device_code=_field(request, "device_code"),
                proof=request.headers.get("DPoP", ""),
                url=request.path,
                address=services.client_address(request),
                now=timezone.now(),
            )
        )
    if grant_type == "refresh_token":
        return _answer(
            services.refresh_tokens(
                client_id=_field(request, "client_id"),
                refresh_token=_field(request, "refresh_token"),
                proof=request.headers.get("DPoP", ""),
                url=request.path,
                now=timezone.now(),
            )
        )
    raise OAuthError(
        "unsupported_grant_type", f"Use the grant type {_DEVICE_CODE} or refresh_token."
    )


def _answer(pair: TokenPair) -> dict[str, object]:
    return {
        "access_token": pair.access_token,
        "token_type": "DPoP",
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
    }
