"""One trade with everybody in it, and the addresses of everything that is somebody's."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import uuid
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from marketplace.accounts import devices
from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device, User
from marketplace.catalog import covers
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Category, Listing
from marketplace.catalog.types import BundleDetails, Cover, ListingDetails, SaleWish
from marketplace.checkout import consequences
from marketplace.core.money import Money
from marketplace.discounts import services as discounts
from marketplace.discounts.types import CodeTerms
from marketplace.handovers import services as handovers
from marketplace.handovers.models import Handover, Present, PresentLink
from marketplace.licensing import services as licensing
from marketplace.orders import services as orders
from marketplace.orders.models import Order
from marketplace.packaging import services as packaging
from marketplace.payments.models import Dispute, Payment, Subscription
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.orders.ordering import line_of, open_order
from tests.marketplace.trade import FLAC, buy, log_in_device, make_person, make_seller, sell

__all__ = ["PEOPLE", "Trade", "make_trade", "routes_of"]

LINK = "5" * 64  # of the present from ada
PEOPLE = ("nobody", "ada", "eve", "seller", "rival", "operator")


@dataclass
class Trade:
    """Ada has bought from the seller; eve has bought from the rival; the operator is staff.

    Something else of ada's is on its way to the seller, and waits for her desk to let go.
    """

    people: dict[str, User]
    seeders: dict[str, FakeSeeder]
    places: dict[str, str]
    sessions: dict[str, str]

    def client(self, who: str, *, csrf: bool = False) -> Client:
        """A browser of `who`; to open it changes nothing in the database."""
        client = Client(enforce_csrf_checks=csrf)
        if who != "nobody":
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return client

    def path(self, template: str) -> str:
        return template.format(**self.places)


def make_trade() -> Trade:
    seller, rival = make_seller(), make_seller("다른 가게")
    people = {
        "ada": make_person("ada"),
        "eve": make_person("eve"),
        "seller": seller,
        "rival": rival,
        "operator": User.objects.create_superuser("operator@example.org", "pw"),
    }
    for user in people.values():
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    listing, other = sell(seller), sell(rival, title="낮의 노래")
    buy(people["eve"], other)
    order_id = _bought(people["ada"], listing.pk)
    draft, upload = _draft_of(seller)
    seeders = {who: log_in_device(user) for who, user in people.items()}
    seeders["phone"] = log_in_device(people["ada"], "phone")
    seeders["removed"] = log_in_device(people["ada"], "old laptop")
    desk, old = (_device_of(seeders[name]) for name in ("ada", "removed"))
    assert listing.package_id is not None
    licence = licensing.licence_for(
        user=people["ada"], device=desk, package_id=listing.package_id, now=timezone.now()
    )
    accounts.remove_device(user=people["ada"], device_id=old.pk, now=timezone.now())
    handover = _handed_over(people["ada"], desk, other, to=seller)
    places = {
        "listing": str(listing.pk),
        "draft": str(draft),
        "upload": str(upload),
        "order": str(order_id),
        "bill": str(Order.objects.get(pk=order_id).bill_id),
        "device": str(desk.pk),
        "removal": devices._removal_url(desk).rstrip("/").rsplit("/", 1)[1],
        "shop": seller.seller.slug,
        "cover": covers.store_cover(Cover(large=b"large", small=b"small")).rsplit("/", 1)[1],
        "package": listing.package_id,
        "licence": str(licence.pk),
        "entitlement": str(licence.entitlement_id),
        "handover": str(handover.pk),
        "code": str(_code_of(seller)),
        "dispute": str(_questioned(order_id)),
        "present": str(_present_from(people["ada"], listing).pk),
        "token": LINK,
        **_priced(seller, listing),
        **_subscribed(people["ada"], rival),
    }
    return Trade(people, seeders, places, {who: _session_of(user) for who, user in people.items()})


def _subscribed(buyer: User, seller: User) -> dict[str, str]:
    """A subscription on sale, and that of `buyer`, which has ended."""
    listing = sell(seller, title="달빛 구독")
    Listing.objects.filter(pk=listing.pk).update(pricing="subscription", interval="month")
    listing.refresh_from_db()
    order_id, now = _bought(buyer, listing.pk), timezone.now()
    Order.objects.filter(pk=order_id).update(kind="subscription", spent=True)
    Subscription.objects.create(
        order_id=order_id,
        amount_minor=9_900,
        currency="KRW",
        interval="month",
        state="ended",
        period_end=now,
        expires_at=now,
    )
    return {"series": str(listing.pk), "subscription": str(order_id)}


def _priced(seller: User, listing: Listing) -> dict[str, str]:
    """A bundle on sale, and a sale of the listing that is planned."""
    now = timezone.now()
    details = BundleDetails(
        title="묶음",
        description="",
        price=Money(9_900, "KRW"),
        listing_ids=(listing.pk, sell(seller, title="새벽의 노래").pk),
    )
    bundle = catalog.create_bundle(seller=seller, details=details)
    catalog.publish_bundle(bundle_id=bundle.pk, seller=seller, now=now)
    clock = now.replace(tzinfo=None)
    wish = SaleWish(
        price=Money(5_000, "KRW"),
        starts=clock + dt.timedelta(days=1),
        ends=clock + dt.timedelta(days=2),
        zone="UTC",
    )
    sale = catalog.plan_sale(listing_id=listing.pk, seller=seller, wish=wish, now=now)
    return {"bundle": str(bundle.pk), "sale": str(sale.pk)}


def _handed_over(giver: User, device: Device, listing: Listing, *, to: User) -> Handover:
    """Something else of the giver's, which `to` has accepted and the device still holds."""
    assert listing.package_id is not None
    now = timezone.now()
    entitlement = licensing.grant(
        user=giver,
        listing_id=listing.pk,
        package_id=listing.package_id,
        order_id=uuid.uuid4(),
        rights={"play": True, "save": False, "transfer": True},
        now=now,
    )
    licensing.licence_for(user=giver, device=device, package_id=listing.package_id, now=now)
    offered = handovers.offer_handover(
        giver=giver,
        entitlement_id=entitlement.pk,
        kind="transfer",
        address=to.email,
        days=None,
        language="en",
        now=now,
    )
    return handovers.accept_handover(user=to, handover_id=offered.pk, now=now)


def _present_from(giver: User, listing: Listing) -> Present:
    """Something that ada has bought for an address, and a link to it whose token is known."""
    bill = orders.open_bill(
        buyer=giver, lines=[line_of(listing, recipient="friend@example.org")], language="en"
    )
    assert bill is not None
    consequences.pay(bill, now=timezone.now())
    present = Present.objects.get(order__bill=bill)
    PresentLink.objects.create(
        present=present,
        digest=hashlib.sha256(LINK.encode()).hexdigest(),
        address=present.address,
        sent_at=timezone.now(),
    )
    return present


def _session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _bought(buyer: User, listing_id: uuid.UUID) -> uuid.UUID:
    """A paid order and what it grants, as settling leaves them."""
    order = open_order(buyer, Listing.objects.get(pk=listing_id))
    consequences.pay(order.bill, now=timezone.now())
    return order.pk


def _draft_of(seller: User) -> tuple[uuid.UUID, uuid.UUID]:
    """A listing that is not on sale, with one file."""
    details = ListingDetails(
        title="아직 아님",
        description="",
        price=Money(9_900, "KRW"),
        category=Category.objects.get(slug="music"),
    )
    listing = catalog.create_listing(seller=seller, details=details)
    upload = packaging.add_file(
        owner=seller,
        draft_id=listing.draft_id,
        name="song.flac",
        source=io.BytesIO(FLAC),
        size=len(FLAC),
        now=timezone.now(),
    )
    return listing.pk, upload.pk


def _code_of(seller: User) -> uuid.UUID:
    """A discount code that goes on until its seller ends it."""
    now = timezone.now()
    terms = CodeTerms(text="BYEOL-2026", percent=10, starts_at=now)
    return discounts.create_code(seller=seller, terms=terms, now=now).pk


def _questioned(order_id: uuid.UUID) -> uuid.UUID:
    """The bank of its buyer asks about the order; no money has moved."""
    now = timezone.now()
    payment = Payment.objects.create(
        bill_id=Order.objects.get(pk=order_id).bill_id,
        amount_minor=9_900,
        currency="KRW",
        expires_at=now + dt.timedelta(hours=1),  # Stripe, which nobody asks here, knows no more
    )
    dispute = Dispute.objects.create(
        payment=payment,
        stripe_id="du_access",
        amount_minor=9_900,
        currency="KRW",
        reason="fraudulent",
        status=Dispute.Status.WARNING_NEEDS_RESPONSE,
        is_refundable=True,
        due_by=now + dt.timedelta(days=9),
        opened_at=now,
    )
    return dispute.pk


def _device_of(seeder: FakeSeeder) -> Device:
    return Device.objects.get(thumbprint=seeder.identity.public.thumbprint)


def routes_of(prefix: str = "") -> dict[str, URLPattern]:
    """Every route below `prefix` that the resolver knows, by its pattern."""
    found: dict[str, URLPattern] = {}

    def walk(patterns: list[URLPattern | URLResolver], above: str) -> None:
        for pattern in patterns:
            route = above + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif route.startswith(prefix):
                found[route] = pattern

    walk(get_resolver().url_patterns, "")
    return found
