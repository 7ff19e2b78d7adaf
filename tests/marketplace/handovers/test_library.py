"""The library page says how each thing stands with other people; the worker ends loans."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from drm.status import verify_status
from marketplace.handovers.models import Handover
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Licence
from marketplace.packaging import services as packaging
from marketplace.publishing.worker import JobWorker
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.handovers.handing import (
    Person,
    act,
    begin,
    fetch,
    let_go,
    offer,
    own,
    person,
)
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
def test_a_refund_of_something_lent_is_told_once_and_calls_it_lent_no_more() -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    device = ada.device()
    fetch(device, what.package_id)
    made = begin(ada, eve, what, "loan")
    let_go(device)
    borrower = eve.device()
    fetch(borrower, what.package_id)
    assert what.order_id is not None
    licensing.revoke(order_id=what.order_id, cause="refund:1", now=timezone.now())

    for who in (ada, eve):
        assert "/handovers/" + str(made.pk) not in page(who)
        listed = who.browser.get("/handovers/").content.decode()
        assert "Refunded" in listed
        assert "until" not in listed
    JobWorker(batch=True).run()
    for who in (ada, eve):
        closed = who.browser.get(f"/handovers/{made.pk}/").content.decode()
        assert "The purchase was refunded, so this has ended." in closed
        assert "opens on your devices again" not in closed
    said = [_words(seeder) for seeder in (device, borrower)]
    assert "This purchase was refunded on" in said[0]
    assert "to whoever had bought it" in said[1]


def _words(seeder: FakeSeeder) -> str:
    thumbprint, now, nonce = seeder.identity.public.thumbprint, timezone.now(), "n" * 32
    licence = Licence.objects.get(device__thumbprint=thumbprint)
    jws = licensing.signed_status(
        licence_id=licence.pk, device=licence.device, nonce=nonce, now=now
    )
    public = packaging.issuer().key.public
    status = verify_status(
        jws, issuer_public=public, licence_id=str(licence.pk), nonce=nonce, now=now
    )
    return status.message


@pytest.mark.django_db(transaction=True)
def test_the_worker_brings_a_loan_back() -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    begin(ada, eve, what, "loan")
    Handover.objects.update(due_at=timezone.now() - dt.timedelta(hours=25))

    JobWorker(batch=True).run()

    assert (ada.state(what.package_id), Handover.objects.get().state) == ("active", "returned")
