"""/.well-known/geobuk.json: how a seeder gets to know this shop."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from drm.keys import SUITES
from marketplace.accounts import services as accounts
from marketplace.packaging import services as packaging

__all__ = ["shop_document"]


@require_safe
@cache_control(max_age=60)
def shop_document(request: HttpRequest) -> JsonResponse:
    """The shop's root key, the keys it vouches for, and where things are.

    Every address is the shop's own (SITE_URL), whatever Host the request named.
    """
    root_key, issuers = packaging.shop_document_keys()
    site = settings.SITE_URL
    return JsonResponse(
        {
            "name": settings.SITE_NAME,
            "root_key": root_key,
            "issuers": issuers,
            "keyring": packaging.keyring() or None,
            "root_changes": packaging.root_changes(),
            "api": f"{site}/api/v1",
            "device_authorization_endpoint": f"{site}/oauth/device",
            "token_endpoint": f"{site}/oauth/token",
            "client_id": accounts.CLIENT_ID,
            "sealing_suites": list(SUITES),
            "sealing_suite": settings.SEALING_SUITE,
            "websocket": f"{site.replace('http', 'ws', 1)}/ws/seeder/",
        }
    )
