"""What holds of states beside their table (test_state_tables.py)."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from marketplace.licensing import services
from marketplace.licensing.errors import TransitionError
from marketplace.licensing.models import Entitlement
from marketplace.licensing.states import replay
from tests.marketplace.licensing.renting import START
from tests.marketplace.trade import buy, make_person, sell

A, R, T = "active", "revoked", "transferred"


@pytest.mark.django_db
def test_a_refund_takes_what_was_passed_on_and_a_failed_one_gives_it_back() -> None:
    ada, eve, listing, order = make_person(), make_person("eve"), sell(), uuid.uuid4()
    given = buy(ada, listing, order_id=order)
    services.change(entitlement_id=given.pk, kind="transferred", source="handover:1", now=START)
    received = services.grant(
        user=eve, listing_id=listing.pk, package_id=given.package_id, order_id=None,
        rights=given.rights, kind="gift", parent=given, source="handover:1:received", now=START,
    )  # fmt: skip

    def states() -> list[str]:
        return [Entitlement.objects.get(pk=each.pk).state for each in (given, received)]

    assert states() == [T, A]
    assert services.revoke(order_id=order, cause="refund:1", now=START) is True
    assert states() == [T, R]
    assert services.restore(order_id=order, cause="back:1", now=START) is True
    assert states() == [T, A]
    for each in (given, received):
        assert replay(e.kind for e in each.events.order_by("id")) in (T, A)


@pytest.mark.django_db
def test_what_was_granted_without_an_order_is_granted_once_for_its_source() -> None:
    ada, listing = make_person(), sell()
    told = {
        "user": ada, "listing_id": listing.pk, "package_id": listing.package_id,
        "rights": {"play": True}, "now": START,
    }  # fmt: skip
    first = services.grant(**told, order_id=None, source="prize:1")  # type: ignore[arg-type]
    again = services.grant(**told, order_id=None, source="prize:1")  # type: ignore[arg-type]
    other = services.grant(**told, order_id=None, source="prize:2")  # type: ignore[arg-type]

    assert (first, Entitlement.objects.count()) == (again, 2)
    assert other != first
    with pytest.raises(ValueError, match="names its source"):
        services.grant(**told, order_id=None)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_purchase_cannot_be_extended_and_nothing_is_shortened() -> None:
    ada, listing = make_person(), sell()
    bought = buy(ada, listing)
    later = START + dt.timedelta(days=9)

    with pytest.raises(TransitionError):
        services.extend(entitlement_id=bought.pk, expires_at=later, source="x", now=START)
    Entitlement.objects.update(kind="loan", expires_at=later)
    for until in (later, START):
        with pytest.raises(TransitionError):
            services.extend(entitlement_id=bought.pk, expires_at=until, source="x", now=START)
    with pytest.raises(ValueError, match="needs an end"):
        services.grant(
            user=ada, listing_id=listing.pk, package_id=bought.package_id, order_id=None,
            source="y", rights={"play": True}, kind="subscription", now=START,
        )  # fmt: skip
