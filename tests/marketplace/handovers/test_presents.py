"""Presents: a link to an address, taken once by whoever comes with it."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from marketplace.catalog.types import SaleTerms
from marketplace.checkout import consequences
from marketplace.handovers.models import Present, PresentLink
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement
from marketplace.licensing.queries import is_entitled, owns
from marketplace.orders.models import Order
from tests.marketplace.handovers.handing import Person, own, person
from tests.marketplace.handovers.presenting import FRIEND, claim, give, newest_link
from tests.marketplace.trade import make_seller, sell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mails_go_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Send what is sent after commit at once: the transaction of a test never commits."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda send, **_how: send())


def test_a_present_waits_and_opens_for_nobody_until_it_is_taken(ada: Person, eve: Person) -> None:
    present = give(ada)
    listing = present.entitlement.listing

    before = [owns(ada.user, listing.pk), owns(eve.user, listing.pk)]
    answer = claim(eve, newest_link())

    assert before == [False, False]
    assert (answer.status_code, answer["Location"]) == (302, "/library/")
    present.refresh_from_db()
    assert (present.state, present.claimed_by) == ("claimed", eve.user)
    assert owns(eve.user, listing.pk)
    assert not owns(ada.user, listing.pk)
    assert listing.package_id is not None
    assert is_entitled(eve.user.pk, listing.package_id)
    assert "Your present was taken" in mail.outbox[-1].subject
    assert mail.outbox[-1].to == [ada.user.email]


def test_to_look_takes_nothing(ada: Person) -> None:
    present = give(ada)

    page = Client().get(newest_link())

    assert page.status_code == 200
    assert "A present from ada@example.org" in page.content.decode()
    assert f"next={newest_link()}" in page.content.decode()
    present.refresh_from_db()
    assert present.state == "waiting"


def test_who_has_not_logged_in_takes_nothing(ada: Person) -> None:
    present = give(ada)

    answer = Client().post(newest_link())

    assert (answer.status_code, answer["Location"]) == (302, newest_link())
    present.refresh_from_db()
    assert present.state == "waiting"


@pytest.mark.parametrize("to", ["Friend@Example.org", "FRIEND@EXAMPLE.ORG", " friend@example.org"])
def test_the_case_of_the_address_and_of_the_link_does_not_matter(
    ada: Person, eve: Person, to: str
) -> None:
    listing = sell()
    token = ada.browser.get(f"/gift/{listing.pk}/").context["seen"]
    ada.post(f"/gift/{listing.pk}/", address=to, seen=token, cart="")
    item = ada.user.cart.items.get()
    give(ada, to=item.recipient_email)
    path = newest_link(FRIEND)
    folder, token = path.rstrip("/").rsplit("/", 1)

    answer = claim(eve, f"{folder}/{token.upper()}/")

    assert answer["Location"] == "/library/"


def test_a_present_is_taken_once(ada: Person, eve: Person) -> None:
    bob = person("bob")
    present = give(ada)
    link = newest_link()

    first, again, other = claim(eve, link), claim(eve, link), claim(bob, link)

    assert [first.status_code, again.status_code, other.status_code] == [302, 302, 409]
    assert "it can be taken only once" in other.content.decode()
    assert Entitlement.objects.filter(parent=present.entitlement).count() == 1
    assert not owns(bob.user, present.entitlement.listing_id)


def test_a_link_that_is_none_is_not_found(ada: Person) -> None:
    give(ada)

    for path in ("/presents/claim/x/", newest_link()[:-3] + "/"):
        assert Client().get(path).status_code == 404


def test_the_link_is_kept_as_a_hash_alone(ada: Person) -> None:
    give(ada)
    token = newest_link().rstrip("/").rsplit("/", 1)[1]

    assert token not in repr(list(PresentLink.objects.values()))
    assert token not in repr(list(Present.objects.values()))


def test_sent_again_both_links_work_until_one_has(ada: Person, eve: Person) -> None:
    present = give(ada)
    old = newest_link()

    ada.post(f"/presents/{present.pk}/send/")
    new = newest_link()

    assert old != new
    assert claim(eve, old).status_code == 302
    assert claim(person("bob"), new).status_code == 409


def test_another_address_closes_the_link_to_the_first(ada: Person, eve: Person) -> None:
    present = give(ada)
    old = newest_link()

    answer = ada.post(f"/presents/{present.pk}/address/", address="Eve@Example.ORG")

    assert answer.status_code == 302
    present.refresh_from_db()
    assert present.address == "eve@example.org"
    refused = claim(eve, old)
    assert refused.status_code == 409
    assert "has sent it to another address since" in refused.content.decode()
    assert claim(eve, newest_link("eve@example.org")).status_code == 302


def test_the_page_of_an_old_link_says_in_its_heading_what_happened(ada: Person) -> None:
    present = give(ada)
    old = newest_link()
    ada.post(f"/presents/{present.pk}/address/", address="eve@example.org")

    page = Client().get(old)

    shown = page.content.decode()
    assert page.status_code == 409
    assert "<h1>This present went elsewhere</h1>" in shown
    assert "The newest mail has the link that does" in shown
    assert "Not at this moment" not in shown
    assert present.entitlement.listing.title not in shown


@pytest.mark.parametrize("address", ["", "nobody", "ADA@example.org"])
def test_an_address_that_is_none_changes_nothing(ada: Person, address: str) -> None:
    present = give(ada)

    answer = ada.post(f"/presents/{present.pk}/address/", address=address)

    assert answer.status_code == 422
    present.refresh_from_db()
    assert present.address == FRIEND
    assert present.links.count() == 1


def test_a_giver_may_keep_it_before_anybody_has_taken_it(ada: Person, eve: Person) -> None:
    present = give(ada)
    listing_id = present.entitlement.listing_id

    ada.post(f"/presents/{present.pk}/keep/")
    ada.post(f"/presents/{present.pk}/keep/")

    present.refresh_from_db()
    assert (present.state, owns(ada.user, listing_id)) == ("kept", True)
    assert claim(eve, newest_link()).status_code == 409
    assert not owns(eve.user, listing_id)


def test_what_is_taken_is_neither_kept_nor_sent(ada: Person, eve: Person) -> None:
    present = give(ada)
    claim(eve, newest_link())
    letters = len(mail.outbox)

    for action in ("keep", "send", "address"):
        ada.post(f"/presents/{present.pk}/{action}/", address="bob@example.org")

    present.refresh_from_db()
    assert (present.state, present.address, len(mail.outbox)) == ("claimed", FRIEND, letters)
    assert not owns(ada.user, present.entitlement.listing_id)


def test_who_has_it_already_leaves_it_for_another(ada: Person, eve: Person) -> None:
    listing = sell()
    own(eve, listing)
    present = give(ada, listing)

    answer = claim(eve, newest_link())

    assert answer.status_code == 409
    assert "You have this in your library already" in answer.content.decode()
    assert claim(person("bob"), newest_link()).status_code == 302
    present.refresh_from_db()
    assert present.state == "claimed"


def test_its_own_link_is_not_for_the_giver(ada: Person) -> None:
    present = give(ada)

    page, answer = ada.browser.get(newest_link()), claim(ada, newest_link())

    assert f"/presents/{present.pk}/" in page.content.decode()
    assert answer.status_code == 409


def test_a_refund_takes_it_from_whoever_has_taken_it(ada: Person, eve: Person) -> None:
    present = give(ada)
    claim(eve, newest_link())

    consequences.refunded(Order.objects.get(pk=present.order_id), now=timezone.now())

    assert not owns(eve.user, present.entitlement.listing_id)
    page = ada.browser.get(f"/presents/{present.pk}/").content.decode()
    assert "You got your money back since" in page


def test_a_refund_before_that_closes_the_link(ada: Person, eve: Person) -> None:
    present = give(ada)

    consequences.refunded(Order.objects.get(pk=present.order_id), now=timezone.now())
    answer = claim(eve, newest_link())

    assert answer.status_code == 409
    assert not owns(eve.user, present.entitlement.listing_id)
    page = eve.browser.get(newest_link()).content.decode()
    assert "The money for this present went back" in page
    listed = ada.browser.get("/presents/").content.decode()
    assert "Refunded" in listed


def test_a_refund_that_came_back_lets_it_be_taken(ada: Person, eve: Person) -> None:
    present = give(ada)
    order = Order.objects.get(pk=present.order_id)
    consequences.refunded(order, now=timezone.now())
    order.refresh_from_db()

    consequences.reinstated(order, now=timezone.now())

    assert claim(eve, newest_link()).status_code == 302
    assert owns(eve.user, present.entitlement.listing_id)
    assert len([letter for letter in mail.outbox if letter.to == [FRIEND]]) == 1


def test_a_rental_begins_when_it_is_taken(ada: Person, eve: Person) -> None:
    listing = sell(terms=SaleTerms(rental_hours=48, start_days=30))
    present = give(ada, listing)
    claim(eve, newest_link())

    taken = Entitlement.objects.get(parent=present.entitlement)

    assert taken.start_by is not None
    assert (taken.start_by - taken.created_at).days == 30
    assert licensing.state_of(taken, timezone.now()) == "active"


def test_settling_once_more_gives_and_mails_nothing_more(ada: Person) -> None:
    present = give(ada)
    order = Order.objects.get(pk=present.order_id)

    consequences.pay(order.bill, now=timezone.now())

    assert (Present.objects.count(), present.links.count()) == (1, 1)


def test_too_many_links_a_day_are_refused(ada: Person) -> None:
    present = give(ada)
    for _ in range(25):
        ada.post(f"/presents/{present.pk}/send/")

    assert present.links.count() == 21


def test_one_giver_sees_no_other_givers_presents(ada: Person, eve: Person) -> None:
    present = give(ada)

    assert eve.browser.get(f"/presents/{present.pk}/").status_code == 404
    assert present.entitlement.listing.title not in eve.browser.get("/presents/").content.decode()


def test_words_are_shown_as_words(ada: Person) -> None:
    present = give(ada, sell(make_seller("<b>")))
    Present.objects.filter(pk=present.pk).update(message="<script>alert(1)</script>")

    page = Client().get(newest_link()).content.decode()

    assert "&lt;script&gt;alert(1)" in page
