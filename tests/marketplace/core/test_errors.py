from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from django.views.decorators.http import require_POST

from marketplace.core.errors import (
    ConflictError,
    InvalidError,
    MarketplaceError,
    NotAllowedError,
    NotFoundError,
)
from marketplace.core.middleware import status_of

_RAISED: dict[str, Exception] = {
    "403": NotAllowedError("You are not the seller <b>here</b>."),
    "404": NotFoundError("order 7 of somebody else"),
    "409": ConflictError("It was refunded a minute ago."),
    "422": InvalidError("A price cannot be negative."),
    "django-403": PermissionDenied("inner detail"),
    "django-400": SuspiciousOperation("inner detail"),
    "500": RuntimeError("inner detail"),
}


@require_POST
def _button(request: HttpRequest) -> HttpResponse:
    return HttpResponse("pressed")


def _raise(request: HttpRequest, kind: str) -> HttpResponse:
    raise _RAISED[kind]


urlpatterns = [
    path("raise/<str:kind>/", _raise),
    path("button/", _button),
    path("", include("marketplace.config.urls")),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.mark.parametrize(
    ("kind", "status", "sentence", "next_step"),
    [
        ("403", 403, "You are not the seller &lt;b&gt;here&lt;/b&gt;.", "Log in"),
        ("404", 404, "There is nothing here for you", "Browse the shop"),
        ("409", 409, "It was refunded a minute ago.", "Open the page again"),
        ("422", 422, "A price cannot be negative.", "Open the page again"),
        ("django-403", 403, "You may not do this", "Log in"),
        ("django-400", 400, "We could not read that request", "Open the page again"),
    ],
)
def test_an_error_is_a_page_with_a_sentence_and_a_next_step(
    client: Client, kind: str, status: int, sentence: str, next_step: str
) -> None:
    response = client.get(f"/raise/{kind}/")

    page = response.content.decode()
    assert response.status_code == status
    assert sentence in page
    assert next_step in page
    assert "inner detail" not in page


def test_what_is_not_found_is_not_described(client: Client) -> None:
    assert "order 7" not in client.get("/raise/404/").content.decode()


def test_an_unknown_address_has_the_same_page(client: Client) -> None:
    response = client.get("/no/such/page/")

    assert response.status_code == 404
    assert "There is nothing here for you" in response.content.decode()


def test_a_fault_of_ours_has_a_page_without_detail(client: Client) -> None:
    client.raise_request_exception = False

    response = client.get("/raise/500/")

    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
    assert "inner detail" not in response.content.decode()


def test_a_form_without_its_token_is_refused_with_a_next_step() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})

    assert response.status_code == 403
    assert "We could not tell that this came from you" in response.content.decode()
    assert "Open the page again" in response.content.decode()


def test_an_error_of_no_known_kind_is_a_fault_of_ours() -> None:
    assert status_of(MarketplaceError("?")) == 500


@pytest.mark.parametrize(
    ("referer", "address"),
    [
        ("http://testserver/studio/?page=2", "/studio/?page=2"),
        ("https://elsewhere.example/studio/", "/"),
        ("http://testserver//elsewhere.example/", "/elsewhere.example/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_a_form_the_way_back_leads_to_the_page_that_sent_it(
    client: Client, referer: str, address: str
) -> None:
    response = client.post("/raise/409/", headers={"referer": referer})

    assert f'btn btn--primary" href="{address}"' in response.content.decode()


def test_the_address_of_a_button_says_so_to_who_opens_it(client: Client) -> None:
    opened = client.get("/button/")

    assert (opened.status_code, opened["Allow"]) == (405, "POST")
    assert "This needs a click" in opened.content.decode()
    assert client.post("/button/").content == b"pressed"


def test_the_language_switch_leads_back_to_where_the_form_was(client: Client) -> None:
    page = client.post("/raise/422/", headers={"referer": "http://testserver/studio/new/?a=1"})

    assert 'name="next" value="/studio/new/?a=1"' in page.content.decode()
