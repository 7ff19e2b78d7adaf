"""Where Stripe tells us that something happened."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from marketplace.checkout import services
from marketplace.core.errors import MarketplaceError
from marketplace.payments import services as payments
from marketplace.payments.errors import WebhookSignatureError

__all__ = ["stripe_webhook"]

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Check the signature over the raw body, keep the event once, act on it.

    400 for a bad signature; 503 where it could not be acted on, so that Stripe sends it
    again; else 200, also for events that mean nothing here.
    """
    signature = request.headers.get("Stripe-Signature", "")
    try:
        event = payments.receive_event(payload=request.body, signature=signature)
    except WebhookSignatureError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    try:
        services.handle_event(event_id=event.pk, now=timezone.now())
    except MarketplaceError as error:
        logger.warning("event %s waits to be sent again: %s", event.pk, error)
        return HttpResponse(f"Not yet: {error.code}", status=503, content_type="text/plain")
    return HttpResponse("ok", content_type="text/plain")
