"""A seeder that calls the API over HTTP, with its proof for each call."""

from __future__ import annotations

import io
import json
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from drm.signed import document_hash
from drm.surrender import sign_surrender
from drm.swarm_authority import MemberKey
from marketplace.accounts.models import Device, User
from marketplace.catalog.models import Listing
from marketplace.catalog.types import SaleTerms
from marketplace.continuity import services as continuity
from marketplace.distribution import services as distribution
from marketplace.handovers import services as handovers
from marketplace.licensing.models import Entitlement, Licence
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.continuity.paper import public_parts
from tests.marketplace.trade import buy, log_in_device, make_person, sell

__all__ = ["NONCE", "ROUTES", "World", "call", "device_of", "make_world"]

NONCE = "0123456789abcdef"
RENTAL = SaleTerms(rental_hours=48, start_days=30)
# Method and path of every route; {package}, {licence}, {leased}, {handover} and {device}
# are ada's.
ROUTES = [
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/library"),
    ("GET", "/api/v1/packages/{package}/manifest"),
    ("GET", "/api/v1/packages/{package}/torrent"),
    ("POST", "/api/v1/packages/{package}/licence"),
    ("GET", "/api/v1/licences/{licence}/status?nonce=" + NONCE),
    ("GET", "/api/v1/licences/{licence}/proof"),
    ("POST", "/api/v1/licences/{leased}/lease"),
    ("GET", "/api/v1/device/status?nonce=" + NONCE),
    ("GET", "/api/v1/handovers?nonce=" + NONCE),
    ("POST", "/api/v1/handovers/{handover}/surrender"),
    ("POST", "/api/v1/packages/{package}/certificate"),
    ("POST", "/api/v1/swarm/label"),
    ("POST", "/api/v1/swarm/announce"),
    ("POST", "/api/v1/swarm/receipts"),
    ("PUT", "/api/v1/progress"),
    ("DELETE", "/api/v1/device"),
    ("GET", "/api/v1/devices"),
    ("DELETE", "/api/v1/devices/{device}"),
    ("GET", "/api/v1/unlock"),
    ("PUT", "/api/v1/recovery-key"),
    ("DELETE", "/api/v1/recovery-key"),
]


@dataclass
class World:
    """Ada has bought (and rented, where that is asked for); eve has bought something else; the seller has bought nothing."""

    ada: User
    eve: User
    seller: User
    listing: Listing
    order_id: uuid.UUID
    package: str
    licence: str
    leased: str
    desk: FakeSeeder
    thief: FakeSeeder
    shop: FakeSeeder
    handover: str = ""  # made when an address names it

    def path(self, route: str) -> str:
        device = str(device_of(self.desk).pk) if "{device}" in route else ""
        path = route.replace("{package}", self.package).replace("{licence}", self.licence)
        if "{handover}" in route:
            self.handover = self.handover or self._handed_over()
            path = path.replace("{handover}", self.handover)
        return path.replace("{device}", device).replace("{leased}", self.leased)

    def _handed_over(self) -> str:
        """A transfer of ada's that waits for the word of her desk, which it has ready; its id."""
        now = timezone.now()
        holder = Licence.objects.get(pk=self.licence)
        Entitlement.objects.filter(pk=holder.entitlement_id).update(
            rights={"play": True, "save": False, "transfer": True}
        )
        taker = make_person(uuid.uuid4().hex)
        EmailAddress.objects.create(user=taker, email=taker.email, primary=True, verified=True)
        offered = handovers.offer_handover(
            giver=self.ada,
            entitlement_id=holder.entitlement_id,
            kind="transfer",
            address=taker.email,
            days=None,
            language="en",
            now=now,
        )
        handovers.accept_handover(user=taker, handover_id=offered.pk, now=now)
        self.desk.surrender = sign_surrender(
            identity=self.desk.identity,
            licence_id=self.licence,
            licence_hash=document_hash(holder.jws),
            handover_id=str(offered.pk),
            now=now,
        )
        return str(offered.pk)


def make_world(*, rent: bool = False) -> World:
    ada, eve = make_person("ada"), make_person("eve")
    listing, order_id = sell(), uuid.uuid4()
    assert listing.package_id is not None
    buy(ada, listing, order_id=order_id)
    buy(eve, sell(title="낮의 노래"))
    desk, thief, shop = log_in_device(ada), log_in_device(eve), log_in_device(listing.seller)
    licence = _licence(desk, listing.package_id)
    leased = ""
    if rent:
        rented = buy(ada, sell(listing.seller, title="빌린 영화", terms=RENTAL)).package_id
        leased = _licence(desk, rented)
    continuity.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    call_command("audit", "sign", stdout=io.StringIO())
    return World(
        ada=ada,
        eve=eve,
        seller=listing.seller,
        listing=listing,
        order_id=order_id,
        package=listing.package_id,
        licence=licence,
        leased=leased,
        desk=desk,
        thief=thief,
        shop=shop,
    )


def _licence(seeder: FakeSeeder, package: str) -> str:
    return str(call(seeder, "POST", f"/api/v1/packages/{package}/licence").json()["id"])


def call(
    seeder: FakeSeeder,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Any:
    """One call. `headers` replaces those of the login; None takes one's own."""
    if headers is None:
        headers = {
            "Authorization": f"DPoP {seeder.access_token}",
            "DPoP": seeder.proof(method, path.partition("?")[0], token=seeder.access_token),
        }
    if path.endswith("/lease") and body is None:
        body = {"nonce": NONCE, "counter": 0}
    if path.endswith("/surrender") and body is None:
        body = {"surrender": seeder.surrender}
    if path.endswith("/recovery-key") and method == "PUT" and body is None:
        body = asdict(public_parts())
    if path.endswith("/certificate") and body is None:
        body = {"request": MemberKey().request()}
    if path.endswith("/swarm/announce") and body is None:
        body = {"label": _label(seeder), "port": 6881, "items": []}
    if path.endswith("/swarm/receipts") and body is None:
        body = {"receipts": seeder.receipts()}
    if method == "PUT" and body is None:
        body = {"items": []}
    data = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Client().generic(method, path, data, content_type="application/json", headers=headers)


def _label(seeder: FakeSeeder) -> str:
    """A label of the seeder's device; nobody's where it is not registered."""
    device = Device.objects.filter(thumbprint=seeder.identity.public.thumbprint).first()
    if device is None:
        return "0" * 20
    return distribution.issue_label(device=device, now=timezone.now()).label


def device_of(seeder: FakeSeeder) -> Device:
    return Device.objects.get(thumbprint=seeder.identity.public.thumbprint)
