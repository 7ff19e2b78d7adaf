from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import replace

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from marketplace.catalog import services
from marketplace.catalog.models import Listing
from marketplace.catalog.types import Cover
from marketplace.core.money import Money
from tests.marketplace.catalog.making import NOW, make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db


def _page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def test_an_empty_shop_says_so(client: Client) -> None:
    assert "The shelves are still empty" in _page(client, "/")


def test_the_front_page_shows_the_newest_first(client: Client) -> None:
    seller = make_seller()
    for number in range(14):
        now = NOW + dt.timedelta(minutes=number)
        put_on_sale(seller, make_details(title=f"Song {number:02}"), now=now)

    page = _page(client, "/")

    assert re.findall(r">(Song \d\d)<", page) == [f"Song {n:02}" for n in range(13, 1, -1)]


@pytest.mark.parametrize(
    ("address", "queries"),
    [
        ("/", 3),
        ("/c/music/", 5),
        ("/t/live/", 4),
        ("/s/shop/", 5),
        ("/search/?q=song", 3),
    ],
)
@pytest.mark.parametrize("count", [1, 9])
def test_pages_ask_the_database_as_often_for_many_listings_as_for_one(
    client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    address: str,
    queries: int,
    count: int,
) -> None:
    seller = make_seller("shop")
    for number in range(count):
        put_on_sale(seller, make_details(title=f"Song {number}", tags=("live",)))

    with django_assert_num_queries(queries):
        page = _page(client, address)

    assert page.count('class="item"') == count


def test_a_listing_page_asks_as_often_however_much_is_in_it(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    files = tuple((f"{n}.flac", "audio/flac", 1000) for n in range(30))
    listing = put_on_sale(make_seller(), make_details(tags=("a", "b", "c")), files=files)

    with django_assert_num_queries(5):  # listing, tags, sale periods, bundles, files
        _page(client, f"/l/{listing.pk}/")


def test_a_listing_page_has_the_facts(client: Client) -> None:
    files = (
        ("1. 새벽.flac", "audio/flac", 30_000_000),
        ("booklet.pdf", "application/pdf", 900_000),
    )
    details = make_details(description="# Side A\n\nTwo **songs**", tags=("피아노",))
    listing = put_on_sale(make_seller(), details, files=files)

    page = _page(client, f"/l/{listing.pk}/")

    for fact in (
        "밤의 노래",
        "달빛 스튜디오",
        "₩12,000",
        "1. 새벽.flac",
        "Audio · FLAC",
        "31\u00a0MB",
        "30\u00a0MB",
        "900\u00a0KB",
        "<h3>Side A</h3>",
        "<strong>songs</strong>",
        "#피아노",
        "Linux and macOS",
        "Not allowed: it plays only",
        "a licence made for your own device",
    ):
        assert fact in page


def test_a_listing_opens_without_the_last_slash(client: Client) -> None:
    listing = put_on_sale(make_seller())

    assert "밤의 노래" in _page(client, f"/l/{listing.pk}")


def test_a_free_listing_says_free(client: Client) -> None:
    listing = put_on_sale(make_seller(), make_details(price=Money(0, "KRW")))

    page = _page(client, f"/l/{listing.pk}/")

    assert ">Free<" in page
    assert "Get it free" in page


def test_a_draft_is_its_sellers_alone(client: Client) -> None:
    seller = make_seller()
    rival = make_seller("Rival", "rival@example.org")
    listing = services.create_listing(seller=seller, details=make_details())
    address = f"/l/{listing.pk}/"

    assert "밤의 노래" not in _page(client, address, 404)
    client.force_login(rival)
    assert "밤의 노래" not in _page(client, address, 404)
    client.force_login(seller)
    assert "Only you see this page" in _page(client, address)


def test_a_withdrawn_listing_leaves_the_shop(client: Client) -> None:
    seller = make_seller()
    listing = put_on_sale(seller)
    services.withdraw_listing(listing_id=listing.pk, seller=seller)

    _page(client, f"/l/{listing.pk}/", 404)
    assert "밤의 노래" not in _page(client, "/")


def test_html_in_every_field_is_shown_as_text(client: Client) -> None:
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    seller = make_seller("<b>Bold</b> & Sons")
    details = make_details(title=bad, description=bad, tags=("<i>tag</i>",))
    put_on_sale(seller, details, files=((bad, "text/<b>", 5),))
    listing = Listing.objects.get()
    tag = listing.tags.get()

    for address in ("/", f"/l/{listing.pk}/", f"/t/{tag.slug}/", f"/search/?q={bad}"):
        page = _page(client, address)
        for danger in ("<script>alert", "<img src=x", "<b>Bold", "<i>tag", "text/<b>"):
            assert danger not in page, (address, danger)


@pytest.mark.parametrize(
    "address",
    ["/c/no-such/", "/t/no-such/", "/s/no-such/", "/l/00000000-0000-4000-8000-000000000000/"],
)
def test_what_does_not_exist_is_not_found(client: Client, address: str) -> None:
    assert "There is nothing here for you" in _page(client, address, 404)


def test_korean_addresses_open_in_either_unicode_form(client: Client) -> None:
    put_on_sale(make_seller(), make_details(tags=("피아노",)))

    for form in ("NFC", "NFD"):
        assert "밤의 노래" in _page(client, "/t/" + unicodedata.normalize(form, "피아노") + "/")


def test_pages_of_a_long_category_keep_the_search(client: Client) -> None:
    seller = make_seller()
    for number in range(25):
        now = NOW + dt.timedelta(minutes=number)
        put_on_sale(seller, make_details(title=f"Song {number:02}"), now=now)

    first = _page(client, "/search/?q=song")
    second = _page(client, "/search/?q=song&page=2")

    assert 'href="?q=song&amp;page=2"' in first
    assert re.findall(r">(Song \d\d)<", second) == ["Song 00"]
    assert "Song 00" in _page(client, "/search/?q=song&page=999")
    assert "Song 24" in _page(client, "/search/?q=song&page=x")


def test_a_search_for_nothing_found_gives_a_way_on(client: Client) -> None:
    page = _page(client, "/search/?q=%00고래")

    assert "Nothing found" in page
    assert "/c/film/" in page


def test_a_cover_is_served_as_the_webp_that_it_is(client: Client) -> None:
    details = replace(make_details(), cover=Cover(b"RIFF large", b"RIFF small"))
    listing = put_on_sale(make_seller(), details)

    response = client.get(listing.cover_small_url)

    assert response.content == b"RIFF small"
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in response["Cache-Control"]
    assert listing.cover_url in _page(client, f"/l/{listing.pk}/")
    assert listing.cover_small_url in _page(client, "/")


@pytest.mark.parametrize("name", ["..%2f..%2fkeys%2fdjango.key", "a.svg", "0" * 32 + ".webp"])
def test_no_other_file_is_served(client: Client, name: str) -> None:
    assert client.get(f"/media/covers/{name}").status_code == 404


def test_the_language_switch_changes_the_page_and_stays_on_it(client: Client) -> None:
    put_on_sale(make_seller())
    assert '<html lang="en"' in _page(client, "/c/film/")

    response = client.post("/i18n/setlang/", {"language": "ko", "next": "/c/film/"})

    assert response.headers["Location"] == "/c/film/"
    page = _page(client, "/c/film/")
    assert '<html lang="ko"' in page
    assert "영화" in page


def test_pages_carry_no_inline_script_or_style(client: Client) -> None:
    listing = put_on_sale(make_seller())

    for address in ("/", "/c/music/", f"/l/{listing.pk}/", "/no-such/"):
        response = client.get(address)
        page = response.content.decode()
        assert "script-src 'self'" in response["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)


def test_nothing_is_changed_by_asking(client: Client) -> None:
    assert client.post("/search/").status_code == 405
