"""What stops a handover, and what it does not let through."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from drm.keys import IdentityKey
from drm.signed import document_hash
from drm.surrender import SurrenderRequest
from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device
from marketplace.handovers import services
from marketplace.handovers.models import Handover, Surrender
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement, Licence
from marketplace.messaging.models import Event
from marketplace.messaging.services import user_group
from tests.marketplace.accounts.people import PASSWORD
from tests.marketplace.api.calling import call
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
    word,
)

pytestmark = pytest.mark.django_db


def refund(what: Entitlement, number: int = 1) -> None:
    assert what.order_id is not None
    cause = f"refund:{number}"
    licensing.revoke(order_id=what.order_id, cause=cause, now=timezone.now())


def restore(what: Entitlement) -> None:
    assert what.order_id is not None
    licensing.restore(order_id=what.order_id, cause="back:1", now=timezone.now())


def test_an_unreachable_device_blocks_it_and_the_page_names_it(ada: Person, eve: Person) -> None:
    what = own(ada)
    desk, _lost = ada.device("desk"), ada.device("lost laptop")
    for device in ada.devices:
        fetch(device, what.package_id)
    made = begin(ada, eve, what, "transfer")
    let_go(desk)

    page = ada.browser.get(f"/handovers/{made.pk}/").content.decode()
    hers = eve.browser.get(f"/handovers/{made.pk}/").content.decode()

    assert (page.count("Has let go"), "lost laptop" in page) == (1, True)
    assert "lost laptop" not in hers
    assert services.settle_handovers(now=timezone.now()) == 0
    assert (ada.state(what.package_id), Handover.objects.get().state) == ("active", "surrendering")
    assert not Entitlement.objects.filter(user=eve.user).exists()


def test_cancelled_in_the_middle_every_device_opens_it_again(ada: Person, eve: Person) -> None:
    what = own(ada)
    desk, phone = ada.device("desk"), ada.device("phone")
    first = {device: fetch(device, what.package_id).json()["id"] for device in (desk, phone)}
    made = begin(ada, eve, what, "transfer")
    [late] = asked(phone)
    let_go(desk)
    held = fetch(desk, what.package_id)

    act(ada, made, "cancel")

    assert held.json()["code"] == "handing_over"
    again = {device: fetch(device, what.package_id).json()["id"] for device in (desk, phone)}
    assert again[desk] != first[desk]
    assert again[phone] == first[phone]
    refused = say(phone, late)
    assert (refused.status_code, refused.json()["code"]) == (409, "handover_closed")
    assert fetch(phone, what.package_id).status_code == 200
    assert Handover.objects.get().state == "cancelled"
    # It can begin anew, and asks for what is out now.
    begin(ada, eve, what, "transfer")
    assert [let_go(desk), let_go(phone)] == [["surrendering"], ["done"]]


def test_a_removed_device_blocks_it_and_lets_go_by_its_key_alone(ada: Person, eve: Person) -> None:
    what, desk = own(ada), ada.device()
    fetch(desk, what.package_id)
    device = Device.objects.get(user=ada.user)
    accounts.remove_device(user=ada.user, device_id=device.pk, now=timezone.now())
    made = begin(ada, eve, what, "transfer")

    page = ada.browser.get(f"/handovers/{made.pk}/").content.decode()
    assert "removed from your account" in page
    path, nonce = "/api/v1/handovers", "0123456789abcdef"
    headers = {"DPoP": desk.proof("GET", path)}
    listed = call(desk, "GET", f"{path}?nonce={nonce}", headers=headers).json()["handovers"]
    assert [one["id"] for one in listed] == [str(made.pk)]
    again = f"{path}/{made.pk}/surrender"
    licence = Licence.objects.get()
    said = word(desk, _request(made, licence))
    answer = call(
        desk, "POST", again, body={"surrender": said}, headers={"DPoP": desk.proof("POST", again)}
    )

    assert answer.json() == {"state": "done"}


def _request(made: Handover, licence: Licence) -> SurrenderRequest:
    return SurrenderRequest(
        handover_id=str(made.pk),
        licence_id=str(licence.pk),
        licence_hash=document_hash(licence.jws),
        device=licence.device.thumbprint,
        issued_at=timezone.now(),
        kind="transfer",
        package_id=licence.entitlement.package_id,
    )


def test_a_word_is_its_devices_and_about_what_was_asked(ada: Person, eve: Person) -> None:
    what = own(ada)
    desk, phone = ada.device("desk"), ada.device("phone")
    for device in (desk, phone):
        fetch(device, what.package_id)
    begin(ada, eve, what, "transfer")
    [request] = asked(desk)
    wrongs = [
        (desk, word(phone, request), 422, "surrender_refused"),
        (desk, word(desk, request, licence_hash="A" * 43), 422, "surrender_refused"),
        (desk, word(desk, request, licence_id=str(uuid.uuid4())), 422, "surrender_refused"),
        (desk, word(desk, request, handover_id=str(uuid.uuid4())), 422, "surrender_refused"),
        (desk, word(desk, request, identity=IdentityKey.generate()), 422, "surrender_refused"),
        (desk, "a.b.c", 422, "surrender_refused"),
        (phone, word(desk, request), 422, "surrender_refused"),
        (eve.device(), word(desk, request), 404, "handover_not_found"),
    ]

    for device, jws, status, code in wrongs:
        answer = say(device, request, jws)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Surrender.objects.exclude(at=None).exists()
    assert not Licence.objects.exclude(surrendered_at=None).exists()
    assert say(desk, request).status_code == 200
    assert say(desk, request).json() == {"state": "surrendering"}
    assert Surrender.objects.exclude(at=None).count() == 1


def test_an_address_counts_whatever_its_case_and_only_a_proved_one(ada: Person) -> None:
    what = own(ada)
    offer(ada, what, "transfer", "EVE@Example.ORG")
    made = Handover.objects.get()
    stranger, unproved = person("mallory"), person("unproved")
    EmailAddress.objects.create(user=unproved.user, email="eve@example.org", verified=False)

    for who in (stranger, unproved):
        assert who.browser.get(f"/handovers/{made.pk}/").status_code == 404
        assert act(who, made, "accept").status_code == 404
    eve = person("eve")
    EmailAddress.objects.filter(user=eve.user).update(email="Eve@example.org")
    assert "Accept" in eve.browser.get(f"/handovers/{made.pk}/").content.decode()
    act(eve, made, "accept")

    assert eve.state(what.package_id) == "active"
    assert made.address == "eve@example.org"


def test_accepted_twice_it_is_passed_on_once(ada: Person, eve: Person) -> None:
    what = own(ada)
    made = begin(ada, eve, what, "transfer")

    assert act(eve, made, "accept").status_code == 302

    assert Entitlement.objects.filter(user=eve.user).count() == 1
    assert act(ada, made, "cancel").status_code == 302
    assert Handover.objects.get().state == "done"


def test_the_giver_cannot_accept_and_the_receiver_not_cancel(ada: Person, eve: Person) -> None:
    what = own(ada)
    offer(ada, what, "transfer", eve.user.email)
    made = Handover.objects.get()

    act(ada, made, "accept")
    act(eve, made, "cancel")
    act(ada, made, "decline")

    made.refresh_from_db()
    assert (made.state, made.receiver) == ("offered", None)


def test_an_offer_to_oneself_is_refused(ada: Person) -> None:
    answer = offer(ada, own(ada), "transfer", "ADA@example.org")

    assert answer.status_code == 422
    assert b"your own address" in answer.content
    assert not Handover.objects.exists()


def test_who_has_it_already_cannot_receive_it(ada: Person, eve: Person) -> None:
    what = own(ada)
    own(eve, what.listing)
    offer(ada, what, "transfer", eve.user.email)
    made = Handover.objects.get()

    answer = eve.browser.post(f"/handovers/{made.pk}/accept/", follow=True)

    assert "in your library already" in answer.content.decode()
    made.refresh_from_db()
    assert (made.state, what.on_hold) == ("offered", False)


@pytest.mark.parametrize(
    ("kind", "rights"),
    [
        ("transfer", {"transfer": False}),
        ("gift", {"gift": False}),
        ("loan", {"lend": None}),
        ("loan", {"lend": 3600}),
    ],
)
def test_the_seller_forbids_by_what_was_sold(
    ada: Person, eve: Person, kind: str, rights: dict[str, Any]
) -> None:
    what = own(ada, **rights)

    answer = offer(ada, what, kind, eve.user.email)

    assert answer.status_code == 422
    assert f'value="{kind}"' not in answer.content.decode()
    assert not Handover.objects.exists()


@pytest.mark.parametrize("days", ["0", "31", "", "many"])
def test_a_loan_is_no_longer_than_the_seller_allows(ada: Person, eve: Person, days: str) -> None:
    answer = offer(ada, own(ada), "loan", eve.user.email, days=days)

    assert answer.status_code == 422
    assert ("Choose 1 to 30 days." in answer.content.decode()) is (days != "many")
    assert not Handover.objects.exists()


def test_one_thing_is_in_one_handover_at_a_time(ada: Person, eve: Person) -> None:
    what = own(ada)
    offer(ada, what, "transfer", eve.user.email)

    again = offer(ada, what, "loan", "bob@example.org")

    assert (again.status_code, again["Location"]) == (
        302,
        f"/handovers/{Handover.objects.get().pk}/",
    )


def test_offers_are_counted_since_each_is_a_mail(ada: Person) -> None:
    what = own(ada)
    for number in range(20):
        offer(ada, what, "transfer", f"friend{number}@example.org")
        act(ada, Handover.objects.latest("offered_at"), "cancel")

    answer = offer(ada, what, "transfer", "one.more@example.org")

    assert answer.status_code == 409
    assert Handover.objects.count() == 20


@pytest.mark.parametrize("moment", ["offered", "surrendering"])
def test_a_refund_in_the_middle_ends_it(ada: Person, eve: Person, moment: str) -> None:
    what, desk = own(ada), ada.device()
    fetch(desk, what.package_id)
    offer(ada, what, "transfer", eve.user.email)
    made = Handover.objects.get()
    requests = []
    if moment == "surrendering":
        act(eve, made, "accept")
        requests = asked(desk)

    refund(what)
    page = ada.browser.get(f"/handovers/{made.pk}/").content.decode()
    act(eve, made, "accept")
    told = [say(desk, request).json()["state"] for request in requests]

    assert "was refunded, so this has ended" in page
    assert told in ([], ["surrendering"])
    assert not Entitlement.objects.filter(user=eve.user).exists()
    assert services.settle_handovers(now=timezone.now()) == 1
    assert Handover.objects.get().state == "cancelled"


def test_a_refund_takes_what_was_passed_on_from_whoever_has_it(ada: Person, eve: Person) -> None:
    what, bob = own(ada), person("bob")
    package = what.package_id
    begin(ada, eve, what, "transfer")
    begin(eve, bob, eve.entitlement(package), "transfer")

    refund(what)
    assert [who.state(package) for who in (ada, eve, bob)] == [
        "transferred",
        "transferred",
        "revoked",
    ]
    assert fetch(bob.device(), package).status_code == 403
    restore(what)

    assert bob.state(package) == "active"


def test_a_refund_ends_a_loan_and_its_coming_back_frees_the_lender(
    ada: Person, eve: Person
) -> None:
    what = own(ada)
    package = what.package_id
    begin(ada, eve, what, "loan")
    refund(what)
    assert [who.state(package) for who in (ada, eve)] == ["revoked", "revoked"]
    restore(what)
    assert [who.state(package) for who in (ada, eve)] == ["active", "revoked"]

    assert services.settle_handovers(now=timezone.now()) == 1

    assert [who.state(package) for who in (ada, eve)] == ["active", "revoked"]
    assert Handover.objects.get().state == "returned"
    assert fetch(ada.device(), package).status_code == 200


def test_devices_hear_that_they_are_asked(ada: Person, eve: Person) -> None:
    what, desk = own(ada), ada.device()
    fetch(desk, what.package_id)
    begin(ada, eve, what, "transfer")

    told = Event.objects.filter(group=user_group(ada.user.pk), kind="handover.requested")

    assert [event.payload for event in told] == [{}]


def test_whoever_has_no_account_yet_is_asked_to_make_one(
    ada: Person, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        offer(ada, own(ada), "gift", "new@example.org")

    [message] = mail.outbox
    assert message.to == ["new@example.org"]
    made = Handover.objects.get()
    answer = Client().get(f"/handovers/{made.pk}/")
    assert answer["Location"] == f"/accounts/login/?next=/handovers/{made.pk}/"


def test_the_list_says_what_waits_for_whom(ada: Person, eve: Person) -> None:
    lent, given = own(ada), own(ada)
    begin(ada, eve, lent, "loan")
    offer(ada, given, "gift", eve.user.email)

    pages = [who.browser.get("/handovers/").content.decode() for who in (ada, eve)]

    assert ["From you" in page for page in pages] == [True, False]
    assert ["Offered to you" in page for page in pages] == [False, True]
    assert ["or borrowed" in page for page in pages] == [False, True]


def test_an_open_session_alone_gives_nothing_away(ada: Person, eve: Person) -> None:
    # Given whoever sits down at ada's computer: her devices would let go without a question.
    what, ada.browser = own(ada), Client()
    ada.browser.force_login(ada.user)

    answer = offer(ada, what, "transfer", eve.user.email)

    page = f"/handovers/offer/{what.pk}/"
    assert answer["Location"] == f"/accounts/reauthenticate/?{urlencode({'next': page})}"
    assert not Handover.objects.exists()
    confirmed = ada.post("/accounts/reauthenticate/", password=PASSWORD, next=page)
    assert confirmed["Location"] == page
    assert offer(ada, what, "transfer", eve.user.email).status_code == 302
    assert Handover.objects.exists()
