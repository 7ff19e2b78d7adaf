from __future__ import annotations

import pytest
from django.test import Client

from marketplace.accounts import queries, services
from marketplace.accounts.errors import CountryError, SellerNameError, SellerNotFoundError
from marketplace.accounts.models import Seller, User

pytestmark = pytest.mark.django_db


def test_anyone_becomes_a_seller_and_is_told_what_comes_next(ada: User, browser: Client) -> None:
    page = browser.get("/accounts/become-seller/")
    assert b"What happens next" in page.content

    answer = browser.post(
        "/accounts/become-seller/", {"name": "  거북  스튜디오 ", "country": "KR"}, follow=True
    )

    seller = Seller.objects.get(user=ada)
    assert (seller.name, seller.slug, seller.country) == ("거북 스튜디오", "거북-스튜디오", "KR")
    assert "You sell as 거북 스튜디오" in answer.content.decode()
    assert b"/studio/new/" in answer.content
    assert queries.seller("거북-스튜디오") == seller
    assert queries.seller_of(ada) == seller


def test_macos_hangul_comes_out_composed(ada: User) -> None:
    decomposed = "\u1112\u1161\u11ab\u1100\u1173\u11af"  # 한글 as macOS sends it

    seller = services.become_seller(user=ada, name=decomposed, country="KR")

    assert (seller.name, seller.slug) == ("한글", "한글")


def test_one_name_may_be_taken_twice_but_not_its_address(ada: User, eve: User) -> None:
    first = services.become_seller(user=ada, name="Studio", country="KR")
    second = services.become_seller(user=eve, name="STUDIO", country="US")

    assert (first.slug, second.slug) == ("studio", "studio-2")


def test_becoming_a_seller_twice_changes_nothing(ada: User, browser: Client) -> None:
    first = services.become_seller(user=ada, name="Studio", country="KR")
    browser.post("/accounts/become-seller/", {"name": "Other", "country": "US"})

    assert services.become_seller(user=ada, name="Third", country="US") == first
    first.refresh_from_db()
    assert (first.name, first.country) == ("Studio", "KR")
    assert Seller.objects.count() == 1


@pytest.mark.parametrize("name", ["", "   ", "\u202e", "!!!", "\u200d\u200d", "x" * 81])
def test_a_name_that_nobody_can_read_is_refused(ada: User, browser: Client, name: str) -> None:
    answer = browser.post("/accounts/become-seller/", {"name": name, "country": "KR"})

    assert answer.status_code == 422
    assert "name" in answer.context["form"].errors
    with pytest.raises(SellerNameError):
        services.become_seller(user=ada, name=name, country="KR")
    assert not Seller.objects.exists()


@pytest.mark.parametrize("country", ["", "XX", "kr", "Korea"])
def test_an_unknown_country_is_refused(ada: User, browser: Client, country: str) -> None:
    answer = browser.post("/accounts/become-seller/", {"name": "Studio", "country": country})

    assert answer.status_code == 422
    assert "country" in answer.context["form"].errors
    with pytest.raises(CountryError):
        services.become_seller(user=ada, name="Studio", country=country)
    assert not Seller.objects.exists()


def test_a_name_of_signs_and_html_is_shown_as_text(ada: User, browser: Client) -> None:
    browser.post("/accounts/become-seller/", {"name": "<b>A&B</b>", "country": "KR"})

    assert Seller.objects.get().slug == "babb"
    assert b"<b>A&B" not in browser.get("/accounts/become-seller/").content


def test_a_stranger_is_asked_to_log_in() -> None:
    answer = Client().get("/accounts/become-seller/")

    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/accounts/become-seller/"


def test_no_seller_of_that_address() -> None:
    with pytest.raises(SellerNotFoundError):
        queries.seller("nobody")
