from __future__ import annotations

import unicodedata

import pytest

from marketplace.catalog import queries, services
from tests.marketplace.catalog.making import make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text",
    [
        "바다",
        "거북",
        unicodedata.normalize("NFD", "바다거북"),
        "바다거북의 여행",
        "여행 바다",
        "TURTLE",
        "ｔｕｒｔｌｅ",
        "strasse",
        "달빛",
        "다큐",
        "film",
        "영화",
        "산호초",
        " 거북  turtle ",
    ],
)
def test_a_listing_is_found_by_any_part_of_any_word(text: str) -> None:
    listing = put_on_sale(
        make_seller("달빛 스튜디오"),
        make_details(
            title="바다거북의 여행 – The Turtle Straße",
            description="제주 산호초에서 찍은 필름.",
            category="film",
            tags=("다큐멘터리",),
        ),
    )

    assert list(queries.search(text)) == [listing]


@pytest.mark.parametrize(
    "text", ["", "  ", "\x00", "고래", "거북 고래", "%", "_", "\\", "여행영화"]
)
def test_what_is_not_there_is_not_found(text: str) -> None:
    put_on_sale(make_seller(), make_details(title="바다거북의 여행"))

    assert not queries.search(text).exists()


def test_a_search_survives_whatever_is_typed() -> None:
    put_on_sale(make_seller())

    assert not queries.search("' OR 1=1 -- " * 40).exists()
    assert not queries.search("가" * 10_000).exists()


def test_only_what_is_on_sale_is_found() -> None:
    seller = make_seller()
    services.create_listing(seller=seller, details=make_details(title="초고"))
    withdrawn = put_on_sale(seller, make_details(title="초고"))
    services.withdraw_listing(listing_id=withdrawn.pk, seller=seller)

    assert not queries.search("초고").exists()


def test_a_changed_title_is_found_and_the_old_one_is_not() -> None:
    seller = make_seller()
    listing = put_on_sale(seller, make_details(title="옛이름"))
    changes = make_details(title="새이름")

    services.update_listing(listing_id=listing.pk, seller=seller, details=changes)

    assert queries.search("새이름").exists()
    assert not queries.search("옛이름").exists()
