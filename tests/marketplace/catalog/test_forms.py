from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from marketplace.catalog import services
from marketplace.catalog.forms import ListingForm
from marketplace.core.money import Money
from tests.marketplace.catalog.making import make_details, make_seller, picture

pytestmark = pytest.mark.django_db


def _filled(**changes: str) -> dict[str, str]:
    return {
        "title": "밤의 노래",
        "description": "**세 곡**",
        "category": "music",
        "tags": "피아노, live",
        "price": "12,000",
        "currency": "KRW",
    } | changes


def _form(cover: bytes | None = None, name: str = "cover.png", **changes: str) -> ListingForm:
    files = {} if cover is None else {"cover": SimpleUploadedFile(name, cover)}
    return ListingForm(_filled(**changes), files)


def test_a_filled_form_says_the_details() -> None:
    form = _form()

    assert form.is_valid(), form.errors
    details = form.details()
    assert details.title == "밤의 노래"
    assert details.price == Money(12_000, "KRW")
    assert details.category.slug == "music"
    assert details.tags == ("피아노", "live")
    assert details.cover is None
    assert not details.remove_cover


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("title", "", "required"),
        ("title", "\u202e\u200f", "a title that can be read"),
        ("title", "\u200b\u2060", "a title that can be read"),
        ("title", "\u3164 \u2800", "a title that can be read"),
        ("title", "x" * 201, "at most 200"),
        ("description", "x" * 20_001, "at most 20000"),
        ("category", "", "required"),
        ("category", "no-such", "not one of the available choices"),
        ("tags", "!!!", "neither a letter nor a digit"),
        ("tags", ",".join(map(str, range(11))), "At most 10 tags"),
        ("tags", "x" * 41, "longer than 40"),
        ("price", "", "required"),
        ("price", "-5", "cannot be negative"),
        ("price", "15.5", "KRW has no decimals"),
        ("price", "99", "less than ₩100"),
        ("price", "100000000", "more than ₩99,999,999"),
        ("price", "free", "is not an amount"),
        ("price", "<b>1</b>", "is not an amount"),
        ("currency", "XXX", "not one of the available choices"),
    ],
)
def test_a_bad_field_is_named_with_a_sentence_and_no_other_is(
    field: str, text: str, sentence: str
) -> None:
    form = ListingForm(_filled(**{field: text}))

    with translation.override("en"):
        assert not form.is_valid()
        assert set(form.errors) == {field}
        assert sentence in str(form.errors[field])


def test_a_browser_cuts_nothing_that_is_pasted() -> None:
    form = _form()

    assert all("maxlength" not in str(form[name]) for name in ("title", "description", "tags"))


def test_zero_is_a_price() -> None:
    form = _form(price="0")

    assert form.is_valid()
    assert form.details().price == Money(0, "KRW")


@pytest.mark.parametrize(
    ("cover", "name", "sentence"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cover.svg", "no JPEG, PNG or WebP"),
        (b"MZ not a picture", "cover.png", "no JPEG, PNG or WebP"),
        (b"", "cover.png", "empty"),
        (b"\x00" * (8 * 1024**2 + 1), "cover.jpg", "larger than 8 MB"),
    ],
)
def test_a_cover_that_is_none_is_refused_at_its_field(
    cover: bytes, name: str, sentence: str
) -> None:
    form = _form(cover, name)

    with translation.override("en"):
        assert not form.is_valid()
        assert set(form.errors) == {"cover"}
        assert sentence in str(form.errors["cover"])


def test_a_cover_is_encoded_anew_whatever_its_name() -> None:
    form = _form(picture("JPEG"), "../../" + "한" * 200 + '".exe')

    assert form.is_valid(), form.errors
    cover = form.details().cover
    assert cover is not None
    assert cover.large[8:12] == b"WEBP"


def test_html_stays_as_it_was_typed() -> None:
    form = _form(title="<script>alert(1)</script>", tags="<b>bold</b>")

    assert form.is_valid(), form.errors
    assert form.details().title == "<script>alert(1)</script>"
    assert form.details().tags == ("<b>bold</b>",)


def test_a_form_for_a_listing_starts_with_what_it_says() -> None:
    listing = services.create_listing(
        seller=make_seller(),
        details=make_details(price=Money(1250, "USD"), tags=("live", "피아노")),
    )

    form = ListingForm(listing=listing)

    shown = {
        name: form[name].value() for name in ("title", "price", "currency", "category", "tags")
    }
    assert shown == {
        "title": "밤의 노래",
        "price": "12.50",
        "currency": "USD",
        "category": "music",
        "tags": "live, 피아노",
    }
    assert "remove_cover" not in form.fields


def test_categories_carry_the_name_in_the_readers_language() -> None:
    with translation.override("ko"):
        assert "영화" in str(ListingForm()["category"])
    with translation.override("en"):
        assert "Film" in str(ListingForm()["category"])
