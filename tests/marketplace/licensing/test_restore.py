from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from marketplace.licensing import queries, services
from marketplace.licensing.errors import TransitionError
from marketplace.licensing.states import after
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db


def test_what_a_returned_refund_took_comes_back_once() -> None:
    ada, listing, order = make_person(), sell(), uuid.uuid4()
    entitlement = buy(ada, listing, order_id=order)
    services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    first = services.restore(order_id=order, cause="refund-failed:1", now=timezone.now())
    services.revoke(order_id=order, cause="refund:2", now=timezone.now())
    again = services.restore(order_id=order, cause="refund-failed:1", now=timezone.now())

    assert (first, again) == (True, False)
    assert not queries.owns(ada, listing.pk)
    kinds = [event.kind for event in entitlement.events.all()]
    assert kinds == ["granted", "refunded", "restored", "refunded"]


def test_what_was_not_revoked_is_not_restored() -> None:
    order = uuid.uuid4()
    entitlement = buy(make_person(), sell(), order_id=order)

    assert services.restore(order_id=order, cause="refund-failed:1", now=timezone.now()) is False
    unknown = uuid.uuid4()
    assert services.restore(order_id=unknown, cause="refund-failed:1", now=timezone.now()) is False

    assert [event.kind for event in entitlement.events.all()] == ["granted"]
    with pytest.raises(TransitionError):
        after("active", "restored")


def test_a_loan_that_a_refund_ended_does_not_come_back_by_a_later_one() -> None:
    ada, eve, zoe, listing, order = *map(make_person, ("ada", "eve", "zoe")), sell(), uuid.uuid4()
    bought = buy(ada, listing, order_id=order)
    now = timezone.now()
    loan = services.lend(
        services.lock(bought.pk), to=eve, until=now + dt.timedelta(days=9), source="a", now=now
    )
    services.revoke(order_id=order, cause="refund:1", now=now)
    services.restore(order_id=order, cause="refund-failed:1", now=now)
    held = services.lock(bought.pk)
    given = services.pass_on(held, to=zoe, kind="transfer", source="b", now=now)

    services.revoke(order_id=order, cause="refund:2", now=now)
    services.restore(order_id=order, cause="refund-failed:2", now=now)

    loan.refresh_from_db()
    given.refresh_from_db()
    assert (loan.state, given.state) == ("revoked", "active")
