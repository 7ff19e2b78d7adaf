"""Who reads the state of an entitlement, as docs/entitlements.md has it; and what keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drm.status import Status, verify_status
from marketplace.accounts.models import Device, User
from marketplace.continuity.documents import kept_for_good
from marketplace.core.errors import ConflictError, MarketplaceError
from marketplace.distribution import services as distribution
from marketplace.distribution.access import membership_of
from marketplace.distribution.models import AnnounceToken
from marketplace.licensing import queries, services
from marketplace.licensing.models import Licence
from marketplace.packaging import services as packaging
from tests.marketplace.licensing.renting import NONCE, START
from tests.marketplace.licensing.tables import WAYS, Case, read_table, rows_of
from tests.marketplace.trade import log_in_device, make_person, sell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_swarms")]

STATES = read_table("readers")[0][1:]
LATER = START + dt.timedelta(hours=1)


def _device(user: User, name: str) -> Device:
    return Device.objects.get(thumbprint=log_in_device(user, name).identity.public.thumbprint)


@dataclass
class Asker:
    """A holder whose device took licence, torrent and place in the swarm, and then the state."""

    case: Case
    device: Device
    licence: Licence | None = None
    token: str = ""

    @classmethod
    def of(cls, kind: str, state: str) -> Asker:
        case = Case(kind, sell())
        user, package = case.entitlement.user, case.entitlement.package_id
        asker = cls(case, _device(user, "desk"))
        if kind != "present":
            asker.licence = services.licence_for(
                user=user, device=asker.device, package_id=package, now=START
            )
            distribution.torrent_for_device(user=user, device=asker.device, package_id=package)
            asker.token = AnnounceToken.objects.get(device=asker.device).token
        for told in WAYS.get(state, ("transferred",)):
            case.fire(told)
        assert case.entitlement.state == state
        return asker

    def allows(self, call: Callable[[User, str], object]) -> bool:
        """Whether the call is answered."""
        held = self.case.entitlement
        try:
            call(held.user, held.package_id)
        except MarketplaceError:
            return False
        return True

    def word(self) -> Status:
        assert self.licence is not None
        jws = services.signed_status(
            device=self.device, licence_id=self.licence.pk, nonce=NONCE, now=LATER
        )
        return verify_status(
            jws,
            issuer_public=packaging.issuer().key.public,
            licence_id=str(self.licence.pk),
            nonce=NONCE,
            now=LATER,
        )

    def lease(self, user: User, _package: str) -> str:
        assert self.licence is not None
        request = services.LeaseRequest(nonce=NONCE)
        return services.lease_for(
            user=user, device=self.device, licence_id=self.licence.pk, request=request, now=LATER
        )

    def further_licence(self, user: User, package: str) -> Licence:
        device = _device(user, "another")
        return services.licence_for(user=user, device=device, package_id=package, now=LATER)

    def torrent(self, user: User, package: str) -> bytes:
        return distribution.torrent_for_device(user=user, device=self.device, package_id=package)


def _answer(reader: str, asker: Asker) -> bool:
    held = asker.case.entitlement
    user, listing = held.user, held.listing_id
    answers: dict[str, Callable[[], bool]] = {
        "stands in its holder's library": lambda: held.pk in _shown(user),
        "the shop's word on a licence is open": lambda: asker.word().open,
        "a licence for a further device": lambda: asker.allows(asker.further_licence),
        "the next lease": lambda: asker.allows(asker.lease),
        "the torrent": lambda: asker.allows(asker.torrent),
        "a place in the swarm (seeding right)": lambda: membership_of(asker.token) is not None,
        "may review and rate": lambda: queries.may_review(user, listing),
        "counts as owned when bought again": lambda: queries.owns(user, listing),
        "the origin keeps its files": lambda: held.package_id in queries.entitled_packages(),
        "in the unlock documents": lambda: (
            held.package_id in {purchase.package_id for purchase in kept_for_good(user)}
        ),
    }
    return answers[reader]()


def _shown(user: User) -> set[object]:
    return {purchase.entitlement_id for purchase in queries.library_of(user)}


@pytest.mark.parametrize("state", STATES)
def test_every_reader_of_a_state(state: str) -> None:
    column = STATES.index(state) + 1
    kind = {"given": "present", "returned": "loan"}.get(state, "purchase")
    asker = Asker.of(kind, state)
    # What is bought for good has no leases: those are asked for on a rental.
    leased = asker if kind != "purchase" else Asker.of("rental", state)

    told = {
        row[0]: row[column]
        for row in rows_of("readers")
        if row[column] == "–"
        or (row[column] == "yes")
        != _answer(row[0], leased if row[0] == "the next lease" else asker)
    }

    assert set(told.values()) <= {"–"}, told


def test_what_is_disputed_goes_on_where_it_is_and_says_so() -> None:
    asker = Asker.of("purchase", "suspended")
    package = asker.case.entitlement.package_id
    word = asker.word()

    [shown] = queries.library_of(asker.case.buyer)
    with pytest.raises(ConflictError, match="bank is asking") as refusal:
        queries.entitlement_of(asker.case.buyer, package)

    assert (word.status, word.reason) == ("active", "")
    assert "goes on opening here" in word.message
    assert (shown.state, shown.active, shown.revoked_at) == ("suspended", False, None)
    assert refusal.value.code == "suspended"


@pytest.mark.parametrize(
    ("told", "reason", "says"),
    [
        ("refunded r1", "refund", "was refunded on"),
        ("withdrawn w1", "refund", "You withdrew from this purchase on"),
        ("payment_failed p1", "unpaid", "The payment for this failed on"),
        ("dispute_lost d1", "chargeback", "The bank took back the money"),
    ],
)
def test_a_signed_word_says_how_the_money_went(told: str, reason: str, says: str) -> None:
    asker = Asker.of("purchase", "active")
    asker.case.fire(told)
    word = asker.word()

    [shown] = queries.library_of(asker.case.buyer)

    assert (word.status, word.reason) == ("revoked", reason)
    assert says in word.message
    assert shown.ended_by == told.split()[0]
    assert shown.revoked_at == asker.case.now


def test_the_word_on_what_was_given_is_about_whoever_had_bought_it() -> None:
    asker = Asker.of("gift", "charged_back")

    assert "of whoever had bought this failed" in asker.word().message


def test_the_days_of_a_rental_begin_when_its_present_is_claimed() -> None:
    listing, ada, eve = sell(), make_person("ada"), make_person("eve")
    assert listing.package_id is not None
    days, waited = dt.timedelta(days=30), dt.timedelta(days=90)
    present = services.give(
        user=ada, listing_id=listing.pk, package_id=listing.package_id, order_id=listing.pk,
        rights={"play": True, "play_window": 3600, "lease": {"duration": 60, "grace": 0}},
        start_by=START + days, now=START,
    )  # fmt: skip
    kept = queries.entitled_packages()

    claimed = services.claim(
        entitlement_id=present.pk, user=eve, source="link:1", now=START + waited
    )
    again = services.claim(
        entitlement_id=present.pk, user=eve, source="link:1", now=START + waited * 2
    )

    assert kept == {listing.package_id}
    assert again == claimed
    assert (claimed.kind, claimed.user, claimed.parent) == ("rental", eve, present)
    assert claimed.start_by == START + waited + days
    assert claimed.expires_at == START + waited + days + dt.timedelta(hours=1)


def test_a_present_is_claimed_once_and_its_giver_may_do_it() -> None:
    case = Case("present", sell())
    own = services.claim(entitlement_id=case.pk, user=case.buyer, source="self", now=LATER)

    with pytest.raises(ConflictError, match="claimed already") as refusal:
        services.claim(entitlement_id=case.pk, user=case.other, source="link", now=LATER)

    assert refusal.value.code == "present_closed"
    assert [p.entitlement_id for p in queries.library_of(case.buyer)] == [own.pk]
    assert queries.library_of(case.other) == []
