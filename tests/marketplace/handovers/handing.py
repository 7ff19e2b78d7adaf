"""Two people with devices and browsers, and something that may be handed over."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from drm.surrender import SurrenderRequest, sign_surrender, verify_surrender_request
from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.handovers.models import Handover
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.api.calling import call
from tests.marketplace.trade import log_in_device, make_person, sell

DAY = 86_400
RIGHTS = {"play": True, "save": True, "transfer": True, "gift": True, "lend": 30 * DAY}


@dataclass
class Person:
    """Somebody with a browser and the devices that were logged in."""

    user: User
    browser: Client
    devices: list[FakeSeeder] = field(default_factory=list)

    def device(self, name: str = "desk") -> FakeSeeder:
        self.devices.append(log_in_device(self.user, name))
        return self.devices[-1]

    def post(self, path: str, **fields: Any) -> Any:
        return self.browser.post(path, fields)

    def entitlement(self, package: str) -> Entitlement:
        return Entitlement.objects.filter(user=self.user, package_id=package).latest("created_at")

    def state(self, package: str) -> str:
        return self.entitlement(package).state


def person(name: str) -> Person:
    user = make_person(name)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return Person(user, browser_of(user))


def own(who: Person, listing: Listing | None = None, **rights: Any) -> Entitlement:
    """Something of `who`'s, with every right but those that `rights` change."""
    listing = listing or sell()
    assert listing.package_id is not None
    return licensing.grant(
        user=who.user,
        listing_id=listing.pk,
        package_id=listing.package_id,
        order_id=uuid.uuid4(),
        rights={k: v for k, v in (RIGHTS | rights).items() if v is not None},
        now=timezone.now(),
    )


def offer(who: Person, what: Entitlement, kind: str, to: str, **more: Any) -> Any:
    fields = {"kind": kind, "address": to, **({"days": 14} if kind == "loan" else {}), **more}
    return who.post(f"/handovers/offer/{what.pk}/", **fields)


def begin(giver: Person, receiver: Person, what: Entitlement, kind: str, **more: Any) -> Handover:
    """Offered and accepted."""
    answer = offer(giver, what, kind, receiver.user.email, **more)
    assert answer.status_code == 302, answer.content.decode()
    made = Handover.objects.latest("offered_at")
    assert act(receiver, made, "accept").status_code == 302
    made.refresh_from_db()
    return made


def act(who: Person, handover: Handover, action: str, **fields: Any) -> Any:
    return who.post(f"/handovers/{handover.pk}/{action}/", **fields)


def fetch(device: FakeSeeder, package: str) -> Any:
    """Ask for the licence, as the daemon does."""
    return call(device, "POST", f"/api/v1/packages/{package}/licence")


def asked(device: FakeSeeder) -> list[SurrenderRequest]:
    """What waits for the device, each request checked as a seeder checks it."""
    nonce = secrets.token_urlsafe(24)
    answer = call(device, "GET", f"/api/v1/handovers?nonce={nonce}")
    assert answer.status_code == 200, answer.content
    found = []
    for one in answer.json()["handovers"]:
        request = verify_surrender_request(
            one["request"],
            issuer_public=packaging.issuer().key.public,
            device=device.identity.public.thumbprint,
            nonce=nonce,
        )
        named = (request.handover_id, request.kind, request.package_id, request.licence_id)
        assert named == (one["id"], one["kind"], one["package"], one["licence"])
        found.append(request)
    return found


def word(device: FakeSeeder, request: SurrenderRequest, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "identity": device.identity,
        "licence_id": request.licence_id,
        "licence_hash": request.licence_hash,
        "handover_id": request.handover_id,
        "now": timezone.now(),
    }
    return sign_surrender(**(arguments | changes))


def say(device: FakeSeeder, request: SurrenderRequest, jws: str | None = None) -> Any:
    path = f"/api/v1/handovers/{request.handover_id}/surrender"
    return call(device, "POST", path, body={"surrender": jws or word(device, request)})


def let_go(device: FakeSeeder) -> list[str]:
    """Give back everything that is asked for; the states that the shop answers."""
    return [say(device, request).json()["state"] for request in asked(device)]
