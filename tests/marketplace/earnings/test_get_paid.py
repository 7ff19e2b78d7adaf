"""How a seller says where to be paid, and what the page tells them."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.payments.models import (
    BankDetails,
    ConnectedAccount,
    Payout,
    PayoutBatch,
    Transfer,
)
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.checkout.paying import CLOSED_BANK, connect, connected, onboard
from tests.marketplace.checkout.shopping import bought
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db

PAGE = "/studio/get-paid/"
BANK = "/studio/get-paid/bank/?country=KR"
DETAILS = {"holder": "한지민", "bank": "국민은행", "number": "123-45-678901"}


def choose(client: Client, country: str) -> HttpResponse:
    return cast("HttpResponse", client.post(PAGE, {"country": country}))


def text_of(client: Client) -> str:
    return client.get(PAGE).content.decode()


def pay_out() -> Any:
    later = timezone.now() + dt.timedelta(days=400)
    return services.run_payouts(now=timezone.now(), as_if=later)


def test_who_does_not_sell_is_shown_how_to(stripe: Emulator) -> None:
    answer = browser_of(make_person()).get(PAGE)

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/become-seller/")


def test_a_seller_in_germany_goes_to_stripe_and_comes_back_ready(stripe: Emulator) -> None:
    seller = make_seller()
    client = browser_of(seller)
    assert "Not set up yet" in text_of(client)

    answer = choose(client, "DE")

    assert answer["Location"].startswith(f"{stripe.base}/connect/setup/")
    assert "Not finished" in text_of(client)
    form = {"first": "J", "last": "W", "bank": "000123456789", "terms": "yes", "action": "done"}
    stripe.http.get(answer["Location"])
    back = stripe.http.post(answer["Location"], data=form).headers["location"]
    assert back == "http://testserver/studio/get-paid/back/"
    assert client.get("/studio/get-paid/back/")["Location"] == PAGE
    assert "Stripe pays you to the bank account" in text_of(client)
    assert ConnectedAccount.objects.get(user=seller).state == "active"


def test_a_used_link_gives_a_new_one(stripe: Emulator) -> None:
    client = browser_of(make_seller())
    first = choose(client, "DE")["Location"]
    stripe.http.get(first)
    again = stripe.http.get(first).headers["location"]
    assert again == "http://testserver/studio/get-paid/stripe/"

    fresh = client.get("/studio/get-paid/stripe/")["Location"]

    assert fresh != first
    assert stripe.http.get(fresh).status_code == 200


def test_choosing_twice_opens_one_account(stripe: Emulator) -> None:
    seller = make_seller()
    client = browser_of(seller)
    choose(client, "DE")
    first = ConnectedAccount.objects.get().account_id

    choose(client, "FR")

    account = ConnectedAccount.objects.get()
    assert (account.account_id, account.country) == (first, "DE")


@pytest.mark.parametrize("when", ["before", "after"])
def test_stripe_that_does_not_answer_is_asked_again(stripe: Emulator, when: str) -> None:
    seller = make_seller()
    client = browser_of(seller)
    stripe.hook("fail_next", count=3, when=when, path="/v1/accounts", verb="POST")

    answer = choose(client, "DE")

    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()
    assert choose(client, "DE").status_code == 302
    account = ConnectedAccount.objects.get()
    found = stripe.sdk.v1.accounts.list({"limit": 100}).data
    ours = [a for a in found if a.email == seller.email]
    assert [a.id for a in ours] == [account.account_id]


def test_korea_is_asked_for_a_bank_account(stripe: Emulator) -> None:
    seller = make_seller()
    client = browser_of(seller)

    answer = choose(client, "KR")
    assert answer["Location"] == BANK
    assert "by bank transfer" in client.get(BANK).content.decode()
    assert client.post(BANK, DETAILS)["Location"] == PAGE

    details = BankDetails.objects.get(user=seller)
    assert (details.country, details.number) == ("KR", "12345678901")
    shown = text_of(client)
    assert "국민은행" in shown
    assert "…8901" in shown
    assert "12345678901" not in shown
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("number", "12", "6 to 34 digits"),
        ("number", "１２３４５６７８", "6 to 34 digits"),
        ("number", "12345<script>", "6 to 34 digits"),
        ("holder", " ", "required"),
        ("bank", "x" * 101, "100 characters"),
    ],
)
def test_details_that_cannot_be_right_are_refused(
    stripe: Emulator, field: str, value: str, sentence: str
) -> None:
    client = browser_of(make_seller())

    answer = client.post(BANK, {**DETAILS, field: value})

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not BankDetails.objects.exists()


def test_the_bank_page_is_for_countries_without_stripe(stripe: Emulator) -> None:
    client = browser_of(make_seller())

    for country in ("DE", "XX", ""):
        answer = client.get("/studio/get-paid/bank/", {"country": country})
        assert answer["Location"] == PAGE


def test_the_page_says_what_waits_and_what_was_paid(stripe: Emulator) -> None:
    seller = make_seller()
    connected(stripe, seller, bank=CLOSED_BANK)
    order = bought(stripe, make_person(), sell(seller))
    share = f"₩{order.price_minor - order.fee_minor - order.pool_minor:,}"
    client = browser_of(seller)
    assert "14 days after it was made" in text_of(client)
    assert text_of(client).count(share) == 2  # it waits, and it is the balance

    pay_out()
    assert "On its way" in text_of(client)
    payout = Payout.objects.get()
    stripe.hook(f"settle/{payout.stripe_id}", succeeds=False)
    services.reconcile(now=timezone.now())
    client.get("/studio/get-paid/back/")

    shown = text_of(client)
    assert "Came back" in shown
    assert "The bank account has been closed." in shown
    assert "Name another bank account" in shown


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [("later", "Stripe looks at your details"), ("rejected", "Stripe has refused this account")],
)
def test_the_page_says_how_stripe_decides(stripe: Emulator, verdict: str, sentence: str) -> None:
    seller = make_seller()
    onboard(stripe, connect(seller), verdict=verdict)

    assert sentence in text_of(browser_of(seller))


@pytest.mark.django_db(transaction=True)
def test_the_operator_reads_it_all_and_sees_no_account_number(stripe: Emulator) -> None:
    one, two = make_seller(), make_seller("다른 가게")
    connected(stripe, one)
    browser_of(two).post(BANK, DETAILS)
    bought(stripe, make_person(), sell(one))
    bought(stripe, make_person("bob"), sell(two))
    pay_out()
    client = browser_of(User.objects.create_superuser("op@example.org", "x"))

    for model in (ConnectedAccount, Transfer, Payout, PayoutBatch):
        base = f"/admin/payments/{model._meta.model_name}/"
        assert client.get(f"{base}?q=x").status_code == 200
        assert client.get(f"{base}add/").status_code == 403
        for row in model._default_manager.all():
            page = client.get(f"{base}{row.pk}/change/")
            assert page.status_code == 200
            assert "12345678901" not in page.content.decode()
