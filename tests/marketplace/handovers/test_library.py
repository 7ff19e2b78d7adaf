"""The library page says how each thing stands with other people; the worker ends loans."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from marketplace.handovers.models import Handover
from marketplace.licensing import services as licensing
from marketplace.publishing.worker import JobWorker
from tests.marketplace.handovers.handing import Person, act, begin, offer, own, person
from tests.marketplace.trade import buy, sell

pytestmark = pytest.mark.django_db


def page(who: Person) -> str:
    return str(who.browser.get("/library/").content.decode())


def test_only_what_may_be_handed_over_has_the_link() -> None:
    ada = person("ada")
    own(ada)
    buy(ada.user, sell(title="낮의 노래"), order_id=uuid.uuid4())

    assert page(ada).count("Lend it or pass it on") == 1


def test_the_page_says_how_it_stands() -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    offer(ada, what, "loan", eve.user.email)
    made = Handover.objects.get()
    assert "How the handover stands" in page(ada)
    assert "1 thing is offered to you" in page(eve)
    act(eve, made, "accept")

    lent, borrowed = page(ada), page(eve)
    assert "It opens on your devices again when it is back." in lent
    assert "Your money went back" not in lent
    assert "Your loan, and how to give it back" in borrowed
    assert "Received" in borrowed
    assert "offered to you" not in borrowed
    assert "Receipt" not in borrowed
    act(eve, made, "return")

    assert "The loan is over, and it is back with its owner." in page(eve)
    assert "Lend it or pass it on" in page(ada)
    begin(ada, person("bob"), what, "transfer")
    assert "It belongs to somebody else now" in page(ada)


def test_a_refund_is_told_to_whoever_has_it_by_then() -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    begin(ada, eve, what, "transfer")
    assert what.order_id is not None
    licensing.revoke(order_id=what.order_id, cause="refund:1", now=timezone.now())

    given, received = page(ada), page(eve)

    assert "It belongs to somebody else now" in given
    assert "The money went back to whoever had bought it on" in received
    assert "Your money" not in received


@pytest.mark.django_db(transaction=True)
def test_the_worker_brings_a_loan_back() -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    begin(ada, eve, what, "loan")
    Handover.objects.update(due_at=timezone.now() - dt.timedelta(hours=25))

    JobWorker(batch=True).run()

    assert (ada.state(what.package_id), Handover.objects.get().state) == ("active", "returned")
