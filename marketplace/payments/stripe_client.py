"""The SDK's client, and its errors in our words: what every gateway module begins with."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import stripe
from django.conf import settings
from django.utils.translation import gettext as _

from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError
from marketplace.payments.patience import BoundedSession, is_hurried

__all__ = ["API_VERSION", "client", "our_errors"]

logger = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"  # pinned: a new SDK must not change what we are told
# The SDK repeats with the same idempotency key: of a sweep, and where a person waits.
RETRIES, HURRIED_RETRIES = 2, 1
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def client() -> stripe.StripeClient:
    """The SDK's client for this shop's key. Raises PaymentsUnavailableError without one."""
    retries = HURRIED_RETRIES if is_hurried() else RETRIES
    return _client_for(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, retries)


@functools.lru_cache(maxsize=4)
def _client_for(key: str, base: str, retries: int) -> stripe.StripeClient:
    if not key:
        raise PaymentsUnavailableError(
            _("This shop cannot take payments yet: its operator has not set a Stripe key.")
        )
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base, "files": base} if base else None,
        max_network_retries=retries,
        http_client=_transport(base),
    )


def _transport(base: str) -> stripe.HTTPClient:
    made: Callable[[str], stripe.HTTPClient] | None = settings.STRIPE_TRANSPORT
    if made is not None:
        return made(base)
    session = BoundedSession()
    # A proxy of this machine's environment leads outside; the emulator is inside.
    session.trust_env = urlsplit(base).hostname not in _LOOPBACK
    return stripe.RequestsClient(session=session)  # which knows the timeouts


@contextlib.contextmanager
def our_errors(refused: type[PaymentRefusedError] = PaymentRefusedError) -> Iterator[None]:
    """Turn the SDK's errors into ours: PaymentsUnavailableError, or `refused`."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.exception("Stripe does not accept this shop's key")
        raise PaymentsUnavailableError(
            _(
                "Payments are out of order: Stripe does not accept this shop's key. Nothing was taken."
            )
        ) from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError) as error:
        logger.warning("Stripe refused: %s", error)
        raise refused(
            _("Stripe refused: %(reason)s") % {"reason": error.user_message or error.code},
            stripe_code=error.code,
        ) from error
    except stripe.StripeError as error:
        logger.warning("Stripe is not available: %s", error)
        raise PaymentsUnavailableError(
            _(
                "The payment service does not answer. Try again in a minute:"
                " nothing is charged twice."
            )
        ) from error
