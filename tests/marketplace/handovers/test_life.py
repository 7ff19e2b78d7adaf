"""The whole life of each kind of handover, over HTTP, with devices that hold real keys."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from drm.rights import Rights
from marketplace.handovers import services
from marketplace.handovers.models import Handover, Surrender
from marketplace.licensing import auditing
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import AuditEntry, Entitlement, Licence
from tests.marketplace.handovers.handing import (
    Person,
    act,
    asked,
    begin,
    fetch,
    let_go,
    offer,
    own,
    person,
    say,
)

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def test_a_transfer_completes_when_every_device_has_let_go(ada: Person, eve: Person) -> None:
    what = own(ada)
    package = what.package_id
    desk, phone = ada.device("desk"), ada.device("phone")
    for device in (desk, phone):
        assert fetch(device, package).status_code == 200
    hers = eve.device("hers")

    made = begin(ada, eve, what, "transfer")
    assert made.state == "surrendering"
    assert fetch(hers, package).status_code == 404
    assert let_go(desk) == ["surrendering"]
    assert (ada.state(package), licensing.is_entitled(eve.user.pk, package)) == ("active", False)
    assert let_go(phone) == ["done"]

    given, received = ada.entitlement(package), eve.entitlement(package)
    assert (given.state, received.state, received.kind) == ("transferred", "active", "transfer")
    assert (received.parent_id, received.rights, received.order_id) == (what.pk, what.rights, None)
    assert fetch(hers, package).status_code == 200
    for device in (desk, phone):
        assert (fetch(device, package).status_code, asked(device)) == (403, [])
    kinds = [event.kind for event in given.events.order_by("id")]
    assert kinds == ["granted", "transferred"]


def test_what_was_passed_on_can_be_passed_on(ada: Person, eve: Person) -> None:
    what, bob = own(ada), person("bob")
    begin(ada, eve, what, "transfer")
    hers = eve.device()
    assert fetch(hers, what.package_id).status_code == 200

    begin(eve, bob, eve.entitlement(what.package_id), "transfer")
    assert let_go(hers) == ["done"]

    assert fetch(bob.device(), what.package_id).status_code == 200
    assert [p.state(what.package_id) for p in (ada, eve, bob)] == [
        "transferred",
        "transferred",
        "active",
    ]


def test_a_gift_is_unopened_and_completes_at_once(ada: Person, eve: Person) -> None:
    what, desk = own(ada), ada.device()

    offer(ada, what, "gift", eve.user.email)
    held = fetch(desk, what.package_id)
    made = Handover.objects.get()
    act(eve, made, "accept")

    assert (held.status_code, held.json()["code"]) == (409, "handing_over")
    made.refresh_from_db()
    assert (made.state, Surrender.objects.count()) == ("done", 0)
    assert (ada.state(what.package_id), eve.state(what.package_id)) == ("transferred", "active")
    assert eve.entitlement(what.package_id).kind == "gift"


def test_what_was_opened_is_no_gift(ada: Person, eve: Person) -> None:
    what = own(ada, transfer=False, lend=None)
    fetch(ada.device(), what.package_id)

    answer = offer(ada, what, "gift", eve.user.email)

    assert answer.status_code == 422
    assert b"A device of yours has fetched its licence" in answer.content
    assert b"neither lent nor passed on" not in answer.content
    assert not Handover.objects.exists()


def test_a_declined_gift_opens_at_home_again(ada: Person, eve: Person) -> None:
    what = own(ada)
    offer(ada, what, "gift", eve.user.email)

    act(eve, Handover.objects.get(), "decline")

    assert Handover.objects.get().state == "declined"
    assert fetch(ada.device(), what.package_id).status_code == 200


def test_a_loan_plays_on_leases_and_comes_back_by_itself(ada: Person, eve: Person) -> None:
    what, desk, hers = own(ada), ada.device("desk"), eve.device("hers")
    package = what.package_id
    fetch(desk, package)
    made = begin(ada, eve, what, "loan", days=14)
    assert let_go(desk) == ["lent"]

    made.refresh_from_db()
    loan = eve.entitlement(package)
    rights = Rights.from_claims(loan.rights)
    assert (loan.kind, loan.expires_at, ada.state(package)) == ("loan", made.due_at, "lent")
    assert (rights.play, rights.save, rights.transfer, rights.gift) == (True, False, False, False)
    assert rights.lend is None
    assert rights.lease is not None
    assert fetch(hers, package).status_code == 200
    assert fetch(desk, package).status_code == 403
    assert made.due_at is not None
    offer(eve, loan, "transfer", ada.user.email)
    assert Handover.objects.count() == 1

    with time_machine.travel(made.due_at + dt.timedelta(hours=23), tick=False):
        assert services.settle_handovers(now=timezone.now()) == 0
    with time_machine.travel(made.due_at + dt.timedelta(hours=24), tick=False):
        assert services.settle_handovers(now=timezone.now()) == 1
        assert services.settle_handovers(now=timezone.now()) == 0
    assert (ada.state(package), eve.state(package)) == ("active", "returned")
    assert Handover.objects.get().state == "returned"
    again = fetch(desk, package)
    assert again.status_code == 200
    assert Licence.objects.filter(entitlement=what).count() == 2
    assert fetch(hers, package).status_code == 403


def test_a_loan_is_returned_early_when_the_borrowers_devices_let_go(
    ada: Person, eve: Person
) -> None:
    what, hers, tablet = own(ada), eve.device("hers"), eve.device("tablet")
    package = what.package_id
    made = begin(ada, eve, what, "loan")
    for device in (hers, tablet):
        fetch(device, package)

    act(eve, made, "return")
    assert Handover.objects.get().state == "returning"
    assert fetch(eve.device("new"), package).json()["code"] == "handing_over"
    assert [request.kind for request in asked(hers)] == ["return"]
    assert let_go(hers) == ["returning"]
    assert ada.state(package) == "lent"
    assert let_go(tablet) == ["returned"]

    assert (ada.state(package), eve.state(package)) == ("active", "returned")
    assert fetch(ada.device(), package).status_code == 200


def test_an_early_return_waits_no_longer_than_the_leases_that_are_out(
    ada: Person, eve: Person
) -> None:
    what = own(ada)
    made = begin(ada, eve, what, "loan", days=30)
    fetch(eve.device(), what.package_id)

    act(eve, made, "return")
    made.refresh_from_db()

    assert made.back_by is not None
    # A lease of 72 hours, to the full hour, and its grace of 24.
    assert dt.timedelta(hours=96) <= made.back_by - timezone.now() <= dt.timedelta(hours=97)
    assert services.settle_handovers(now=made.back_by - dt.timedelta(seconds=1)) == 0
    assert services.settle_handovers(now=made.back_by) == 1
    assert ada.state(what.package_id) == "active"


def test_a_loan_that_was_never_opened_is_back_at_once(ada: Person, eve: Person) -> None:
    made = begin(ada, eve, own(ada), "loan")

    act(eve, made, "return")
    act(eve, made, "return")

    made.refresh_from_db()
    assert (made.state, made.entitlement.state) == ("returned", "active")


def test_a_loan_is_extended_within_what_the_seller_allows(ada: Person, eve: Person) -> None:
    what = own(ada)
    made = begin(ada, eve, what, "loan", days=3)
    before = made.due_at

    too_long = act(ada, made, "renew", days=31)
    none = act(ada, made, "renew", days=0)
    no_longer = act(ada, made, "renew", days=2)
    by_the_borrower = act(eve, made, "renew", days=20)
    made.refresh_from_db()
    assert [too_long.status_code, no_longer.status_code, made.due_at] == [422, 422, before]
    assert all("Choose 1 to 30 days." in said.content.decode() for said in (none, too_long))
    assert by_the_borrower.status_code == 302  # to the page, which says that nothing was done
    act(ada, made, "renew", days=20)

    made.refresh_from_db()
    assert made.due_at is not None
    assert before is not None
    assert made.due_at - before == 17 * DAY
    assert eve.entitlement(what.package_id).expires_at == made.due_at
    events = eve.entitlement(what.package_id).events.order_by("id")
    assert [event.kind for event in events] == ["received", "extended"]


def test_mails_say_what_to_do_and_lead_to_the_page(
    ada: Person, eve: Person, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    what, desk = own(ada), ada.device()
    fetch(desk, what.package_id)
    mail.outbox.clear()

    with django_capture_on_commit_callbacks(execute=True):
        made = begin(ada, eve, what, "transfer")
        let_go(desk)

    told = [(message.to, message.subject) for message in mail.outbox]
    title = "밤의 노래"
    assert told == [
        (["eve@example.org"], f"ada@example.org passes “{title}” on to you"),
        (["ada@example.org"], f"Accepted: “{title}”"),
        (["eve@example.org"], f"In your library: “{title}”"),
        (["ada@example.org"], f"Passed on: “{title}”"),
    ]
    link = re.search(r"http\S+/handovers/\S+", str(mail.outbox[0].body))
    assert link is not None
    assert link[0].endswith(f"/handovers/{made.pk}/")
    assert Client().get(link[0]).status_code == 302
    assert "1 device of yours has to" in str(mail.outbox[1].body)


def test_the_log_of_the_shop_names_each_surrender(ada: Person, eve: Person) -> None:
    what, desk = own(ada), ada.device()
    fetch(desk, what.package_id)
    begin(ada, eve, what, "transfer")
    [request] = asked(desk)

    assert say(desk, request).json() == {"state": "done"}

    entries = AuditEntry.objects.filter(body__contains='"surrendered"')
    assert [request.licence_id in entry.body for entry in entries] == [True]
    assert list(auditing.faults()) == []
    assert Surrender.objects.get().word != ""
    assert Entitlement.objects.count() == 2
