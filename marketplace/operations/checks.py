"""What `manage.py check --deploy` says about the shop's keys, address and folder."""

from __future__ import annotations

import datetime as dt
import stat
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import DatabaseError
from django.utils import timezone

from marketplace.core import fees
from marketplace.core.money import CURRENCIES, MAX_CHARGE, Money
from marketplace.operations.backup import covers_keys_in_use, verified_record
from marketplace.packaging import services as packaging

__all__ = [
    "data_folder_is_private",
    "fees_cover_payments",
    "issuers_are_certified_ahead",
    "master_key_has_a_verified_backup",
    "proxies_are_counted",
    "site_is_reached_by_tls",
]


@register(Tags.security, deploy=True)
def master_key_has_a_verified_backup(**_: Any) -> list[CheckMessage]:
    """Without its master key a shop cannot licence what it sold: a lost disk would lock buyers out."""
    record = verified_record()
    if record is None:
        problem = "The master key has no verified backup."
    elif not covers_keys_in_use(record):
        problem = "The verified backup is of another master key than the one in use."
    else:
        return []
    hint = "Run `manage.py backup FOLDER`, and keep the folder and its passphrase elsewhere."
    return [Error(problem, hint=hint, id="geobuk.E001")]


@register(Tags.security, deploy=True)
def site_is_reached_by_tls(**_: Any) -> list[CheckMessage]:
    """Links in mails, proofs of seeders and trackers are built on the shop's own address."""
    if settings.SANDBOX or settings.SITE_URL.startswith("https://"):
        return []
    hint = "Set GEOBUK_URL to the public address, as in https://shop.example."
    problem = f"The shop's address is {settings.SITE_URL}, which is not encrypted."
    return [Error(problem, hint=hint, id="geobuk.E002")]


@register(Tags.security, deploy=True)
def data_folder_is_private(**_: Any) -> list[CheckMessage]:
    """Whoever reads the database has sessions and announce tokens."""
    folder = settings.DATA_DIR
    if not stat.S_IMODE(folder.stat().st_mode) & 0o007:
        return []
    hint = f"Run: chmod 700 {folder}"
    problem = f"Everybody on this machine can look into {folder}."
    return [Warning(problem, hint=hint, id="geobuk.W001")]


@register(Tags.security, deploy=True)
def proxies_are_counted(**_: Any) -> list[CheckMessage]:
    """Without it every visitor has the proxy's address, for rate limits and for the swarm."""
    behind_proxy = settings.SECURE_PROXY_SSL_HEADER is not None
    if not behind_proxy or settings.ALLAUTH_TRUSTED_PROXY_COUNT > 0:
        return []
    hint = "Set GEOBUK_PROXIES to the number of proxies of yours in front of the shop."
    problem = "A proxy says which requests came by TLS, but no proxy is trusted for addresses."
    return [Warning(problem, hint=hint, id="geobuk.W002")]


@register(Tags.security, deploy=True)
def issuers_are_certified_ahead(**_: Any) -> list[CheckMessage]:
    """With the root offline, nothing can be issued once the last certificate has ended."""
    now = timezone.now()
    try:
        until = packaging.certified_until(now=now)
    except DatabaseError:
        return []  # not migrated yet: there are no keys either
    if until is None or until - now >= packaging.WARN_BEFORE_END:
        return []
    hint = "Let the offline root sign new ones: manage.py root request FILE"
    if until <= now:
        problem = "No issuer key is certified: nothing can be issued. What was bought opens."
        return [Error(problem, hint=hint, id="geobuk.E003")]
    left = (until - now) // dt.timedelta(days=1)
    problem = f"The last issuer key ends in {left} days; after that nothing can be issued."
    return [Warning(problem, hint=hint, id="geobuk.W003")]


@register(deploy=True)
def fees_cover_payments(**_: Any) -> list[CheckMessage]:
    """The platform pays Stripe out of its fee: a smaller one makes it lose by each sale.

    Both are straight lines over the price, so its ends tell for all of it.
    """
    losses = []
    for currency in CURRENCIES:
        least = fees.least_price(currency)
        if least is None:
            continue  # nothing can be sold in it
        for price in (least, Money(MAX_CHARGE // least.unit.step * least.unit.step, currency)):
            fee, cost = fees.platform_fee(price), fees.estimated_stripe_fee(price)
            if fee.minor < cost.minor:
                losses.append(f"of {price} the shop keeps {fee}, and Stripe takes {cost}")
                break
    if not losses:
        return []
    hint = "Raise GEOBUK_FEE_FIXED or GEOBUK_FEE_PERCENT, or correct GEOBUK_STRIPE_FEE_FIXED and _PERCENT."
    problem = f"Some sales cost the shop more than they bring: {'; '.join(losses)}."
    return [Warning(problem, hint=hint, id="geobuk.W005")]
