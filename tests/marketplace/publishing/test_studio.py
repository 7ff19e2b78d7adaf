"""The studio at its addresses."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from marketplace.accounts.models import User
from marketplace.catalog.models import Category, Listing
from marketplace.orders import services as orders
from marketplace.packaging import services as packaging
from marketplace.packaging.models import Upload
from marketplace.packaging.uploads import begin_upload
from tests.marketplace.orders.ordering import open_order
from tests.marketplace.publishing.conftest import ZIP, work

pytestmark = pytest.mark.django_db
Add = Callable[..., Upload]
HTMX = {"HX-Request": "true"}


def _url(name: str, *arguments: object) -> str:
    return reverse(f"publishing:{name}", args=arguments)


def _names(listing: Listing) -> list[str]:
    return [upload.name for upload in listing.draft.uploads.all()]


def _pages(listing: Listing) -> list[tuple[str, str]]:
    upload = uuid.uuid4()
    return [
        ("get", _url("edit", listing.pk)),
        ("get", _url("files", listing.pk)),
        ("get", _url("file_list", listing.pk)),
        ("get", _url("progress", listing.pk)),
        ("post", _url("publish", listing.pk)),
        ("get", _url("version", listing.pk)),
        ("get", _url("version_files", listing.pk)),
        ("get", _url("version_progress", listing.pk)),
        ("get", _url("publish_version", listing.pk)),
        ("post", _url("publish_version", listing.pk)),
        ("post", _url("begin_version", listing.pk)),
        ("post", _url("drop_version", listing.pk)),
        ("post", _url("withdraw", listing.pk)),
        ("post", _url("resume", listing.pk)),
        ("post", _url("move", listing.pk, upload)),
        ("post", _url("remove", listing.pk, upload)),
    ]


def test_who_is_not_logged_in_is_asked_to(client: Client, listing: Listing) -> None:
    for method, url in [("get", _url("studio")), ("get", _url("new")), *_pages(listing)]:
        answer = getattr(client, method)(url)

        assert answer.status_code == 302
        assert answer.url.startswith("/accounts/login/?next=/studio/")


def test_who_sells_nothing_yet_is_shown_how(client: Client) -> None:
    client.force_login(User.objects.create_user("buyer@example.org", "pw"))

    answer = client.get(_url("studio"))

    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/become-seller/"


def test_another_sellers_listing_is_not_found(
    client: Client, listing: Listing, add: Add, make_seller: Callable[[], User]
) -> None:
    upload = add()
    client.force_login(make_seller())

    for method, url in _pages(listing):
        assert getattr(client, method)(url).status_code == 404
    for name in ("move", "remove"):
        assert client.post(_url(name, listing.pk, upload.pk)).status_code == 404
    listing.refresh_from_db()
    assert (listing.status, _names(listing)) == ("draft", ["song.flac"])


def test_an_upload_is_reached_by_its_own_listing_alone(
    browser: Client, seller: User, listing: Listing, add: Add, category: Category
) -> None:
    upload = add()
    form = {"title": "B", "category": category.pk, "price": "0", "currency": "KRW"}
    browser.post(_url("new"), form)
    other = Listing.objects.get(title="B")

    assert browser.post(_url("remove", other.pk, upload.pk)).status_code == 404
    assert _names(listing) == ["song.flac"]


def test_a_new_listing_is_described_first(browser: Client, category: Category) -> None:
    cover = io.BytesIO()
    Image.new("RGB", (800, 600), "green").save(cover, "PNG")
    cover.seek(0)
    cover.name = "cover.png"
    form = {
        "title": "<b>밤</b>",
        "description": "**hello** <script>alert(1)</script>",
        "category": category.pk,
        "tags": "piano, 피아노",
        "price": "9,900",
        "currency": "KRW",
        "cover": cover,
    }

    answer = browser.post(_url("new"), form)

    listing = Listing.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == _url("files", listing.pk)
    page = browser.get(answer["Location"]).content.decode()
    assert "&lt;b&gt;밤&lt;/b&gt;" in page
    assert "<b>밤</b>" not in page


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("price", "-1", "cannot be negative"),
        ("price", "12.50", "KRW has no decimals"),
        ("price", "50", "less than ₩100"),
        ("title", "", "required"),
        ("category", "no-such", "valid choice"),
    ],
)
def test_bad_input_is_told_at_its_field_and_nothing_is_made(
    browser: Client, category: Category, field: str, value: str, sentence: str
) -> None:
    form = {"title": "A", "category": category.pk, "price": "0", "currency": "KRW", field: value}

    answer = browser.post(_url("new"), form)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert Listing.objects.count() == 0


def test_a_listing_is_edited(browser: Client, listing: Listing) -> None:
    page = browser.get(_url("edit", listing.pk))
    form = {"title": "낮", "category": "music", "price": "100", "currency": "KRW"}
    answer = browser.post(_url("edit", listing.pk), form)

    listing.refresh_from_db()
    assert page.status_code == 200
    assert "밤의 노래" in page.content.decode()
    assert answer["Location"] == _url("files", listing.pk)
    assert (listing.title, listing.price_minor) == ("낮", 100)


def test_the_files_page_says_which_files_need_saving_before_anything_is_sent(
    browser: Client, listing: Listing, add: Add
) -> None:
    add("song.flac")
    add("tool.zip", ZIP)

    page = browser.get(_url("files", listing.pk)).content.decode()

    assert "A listing with any other kind of file needs saving." in page
    assert page.count("Plays here") == 1
    assert page.count("No player: buyers must be allowed to save") == 1


def test_a_file_without_a_player_is_refused_at_the_field_unless_buyers_may_save(
    browser: Client, listing: Listing, add: Add
) -> None:
    add("tool.zip", ZIP)

    refused = browser.post(_url("publish", listing.pk), {"rights": "play"})
    listing.refresh_from_db()
    between = listing.status
    accepted = browser.post(_url("publish", listing.pk), {"rights": "save"})

    assert refused.status_code == 422
    page = refused.content.decode()
    assert "There is no player here for tool.zip. Let buyers save it, or remove it." in page
    assert 'id="id_rights_error"' in page
    assert between == "draft"
    assert accepted.status_code == 302
    listing.refresh_from_db()
    assert (listing.status, listing.may_save) == ("preparing", True)


def test_a_subscription_to_a_file_without_a_player_is_refused_with_what_to_do(
    browser: Client, listing: Listing, add: Add
) -> None:
    Listing.objects.filter(pk=listing.pk).update(pricing="subscription", interval="month")
    add("tool.zip", ZIP)
    files = browser.get(_url("files", listing.pk)).content.decode()

    refused = browser.post(_url("publish", listing.pk))

    listing.refresh_from_db()
    assert "No player: subscribers could not open it" in files
    assert (refused.status_code, listing.status) == (422, "draft")
    sentence = "There is no player here for tool.zip, and who subscribes may only play. Remove it."
    assert sentence in refused.content.decode()


def test_publishing_needs_whole_files(browser: Client, seller: User, listing: Listing) -> None:
    nothing = browser.post(_url("publish", listing.pk), {"rights": "play"})
    begin_upload(owner=seller, draft_id=listing.draft_id, name="film.mp4", size=10)
    half = browser.post(_url("publish", listing.pk), {"rights": "play"})
    unsaid = browser.post(_url("publish", listing.pk), {})

    assert [a.status_code for a in (nothing, half, unsaid)] == [422, 422, 422]
    assert "Add at least one file first." in nothing.content.decode()
    assert "These files are not complete yet: film.mp4." in half.content.decode()
    assert "Not complete: choose the file again to go on" in half.content.decode()


def test_from_publish_to_on_sale_the_page_follows(
    browser: Client, listing: Listing, add: Add
) -> None:
    add()
    browser.post(_url("publish", listing.pk), {"rights": "play"})

    page = browser.get(_url("files", listing.pk)).content.decode()
    waiting = browser.get(_url("progress", listing.pk), headers=HTMX)
    work()
    done = browser.get(_url("progress", listing.pk), headers=HTMX)
    sold = browser.get(_url("files", listing.pk)).content.decode()

    assert f'data-draft="{listing.draft_id}"' in page
    assert f'hx-get="{_url("progress", listing.pk)}"' in page
    assert "js/sealing" in page
    assert "HX-Refresh" not in waiting
    assert done["HX-Refresh"] == "true"
    assert "hx-get" not in done.content.decode()
    assert f'href="{reverse("catalog:listing", args=[listing.pk])}"' in sold
    assert "song.flac" in sold
    assert "data-draft" not in sold


def test_publishing_twice_or_by_its_address_leads_to_the_files(
    browser: Client, listing: Listing, add: Add
) -> None:
    by_address = browser.get(_url("publish", listing.pk))
    add()
    clicks = [browser.post(_url("publish", listing.pk), {"rights": "play"}) for _ in range(2)]
    work()
    clicks.append(browser.post(_url("publish", listing.pk), {"rights": "save"}))

    for answer in (by_address, *clicks):
        assert (answer.status_code, answer["Location"]) == (302, _url("files", listing.pk))
    listing.refresh_from_db()
    assert (listing.status, listing.may_save) == ("on_sale", False)


def test_a_failure_is_shown_with_a_way_on(browser: Client, listing: Listing, add: Add) -> None:
    add()
    packaging.fail_draft(draft_id=listing.draft_id, error="The shop's disk is full.")

    page = browser.get(_url("files", listing.pk)).content.decode()

    assert "Preparing these files failed." in page
    assert "The shop&#x27;s disk is full." in page
    assert "Try again" in page


def test_files_are_moved_and_removed(browser: Client, listing: Listing, add: Add) -> None:
    uploads = [add(name) for name in ("a.flac", "b.flac", "c.flac")]

    def post(name: str, upload: Upload, **form: str) -> str:
        answer = browser.post(_url(name, listing.pk, upload.pk), form, headers=HTMX)
        assert answer.status_code == 200
        return answer.content.decode()

    post("move", uploads[2], to="up")
    after_up = _names(listing)
    post("move", uploads[2], to="up")
    post("move", uploads[2], to="up")
    at_top = _names(listing)
    post("move", uploads[2], to="down")
    after_down = _names(listing)
    fragment = post("remove", uploads[0])

    assert after_up == ["a.flac", "c.flac", "b.flac"]
    assert at_top == ["c.flac", "a.flac", "b.flac"]
    assert after_down == ["a.flac", "c.flac", "b.flac"]
    assert _names(listing) == ["c.flac", "b.flac"]
    assert "a.flac" not in fragment
    assert "<html" not in fragment


def test_without_htmx_the_buttons_work_too(browser: Client, listing: Listing, add: Add) -> None:
    upload = add()

    answer = browser.post(_url("remove", listing.pk, upload.pk))

    assert answer["Location"] == _url("files", listing.pk)
    assert _names(listing) == []


def test_files_of_a_listing_that_is_being_prepared_stay(
    browser: Client, listing: Listing, add: Add
) -> None:
    upload = add()
    browser.post(_url("publish", listing.pk), {"rights": "play"})

    answers = [browser.post(_url(name, listing.pk, upload.pk)) for name in ("move", "remove")]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert _names(listing) == ["song.flac"]


def test_the_studio_lists_what_one_sells_and_no_one_elses(
    browser: Client, listing: Listing, add: Add, make_seller: Callable[[], User]
) -> None:
    add()
    browser.post(_url("publish", listing.pk), {"rights": "play"})
    work()

    mine = browser.get(_url("studio")).content.decode()
    withdrawn = browser.post(_url("withdraw", listing.pk))
    off = browser.get(_url("studio")).content.decode()
    browser.post(_url("resume", listing.pk))
    browser.force_login(make_seller())
    other = browser.get(_url("studio")).content.decode()

    assert "밤의 노래" in mine
    assert "On sale" in mine
    assert "0 sales" in mine
    assert withdrawn.status_code == 302
    assert "Offer again" in off
    listing.refresh_from_db()
    assert listing.status == "on_sale"
    assert "밤의 노래" not in other
    assert "Nothing here yet" in other


def test_no_page_has_inline_scripts_or_styles(browser: Client, listing: Listing, add: Add) -> None:
    add()

    for url in (_url("studio"), _url("new"), _url("edit", listing.pk), _url("files", listing.pk)):
        page = browser.get(url).content.decode()
        assert "style=" not in page
        assert "onclick=" not in page
        assert page.count("<script") == page.count("<script ")


def test_a_sale_that_went_back_is_counted_beside_the_others(
    browser: Client, listing: Listing, add: Add
) -> None:
    add()
    browser.post(_url("publish", listing.pk), {"rights": "play"})
    work()
    now = timezone.now()
    for number in range(4):
        buyer = User.objects.create_user(f"buyer-{number}@example.org")
        order = open_order(buyer, listing)
        if number < 3:
            orders.mark_paid(order_id=order.pk, now=now)
        if number == 1:
            orders.mark_refunded(order_id=order.pk, now=now)
        if number == 2:
            orders.mark_charged_back(order_id=order.pk, now=now)

    page = browser.get(_url("studio")).content.decode()

    assert "<span>1 sale</span>" in page
    assert "<span>2 refunded</span>" in page
