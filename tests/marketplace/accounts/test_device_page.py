"""The page at which a person lets a device in, and the attacks on it."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts import services
from marketplace.accounts.models import Device, DeviceGrant, User
from scripts.messages import compile_all
from tests.marketplace.accounts.people import PASSWORD, log_in
from tests.marketplace.accounts.seeder import FakeSeeder

pytestmark = pytest.mark.django_db


def type_code(browser: Client, code: str) -> Any:
    return browser.post("/device/", {"user_code": code}, follow=True)


def decide(browser: Client, decision: str, grant: DeviceGrant | None = None) -> Any:
    grant = grant or DeviceGrant.objects.get()
    return browser.post(
        "/device/approve/", {"grant": str(grant.pk), "decision": decision}, follow=True
    )


def test_approving_a_device(ada: User, browser: Client, seeder: FakeSeeder) -> None:
    codes = seeder.begin()

    page = type_code(browser, codes["user_code"])
    assert page.redirect_chain == [("/device/approve/", 302)]
    text = page.content.decode()
    assert "Ada’s desk" in text
    assert "127.0.0.1" in text
    assert "the same as this browser" in text
    assert "<time datetime=" in text
    fingerprint = services.fingerprint(seeder.identity.public.thumbprint)
    assert re.fullmatch(r"(\S{4} ){10}\S{3}", fingerprint)
    assert fingerprint in text
    assert DeviceGrant.objects.get().state == "pending"  # looking decides nothing

    answer = decide(browser, "approve")
    assert "“Ada’s desk” is let in" in answer.content.decode()
    assert seeder.poll().status_code == 200
    assert Device.objects.get().user == ada


@pytest.mark.django_db(transaction=True)
def test_the_mail_about_it_is_in_the_language_of_the_page(
    browser: Client, seeder: FakeSeeder, settings: Settings, tmp_path: Path
) -> None:
    compile_all(tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    browser.cookies["django_language"] = "ko"
    type_code(browser, seeder.begin()["user_code"])
    decide(browser, "approve")

    assert seeder.poll().status_code == 200

    assert mail.outbox[-1].subject == "새 기기: Ada’s desk"


def test_denying_a_device(browser: Client, seeder: FakeSeeder) -> None:
    type_code(browser, seeder.begin()["user_code"])

    answer = decide(browser, "deny")

    assert "is denied" in answer.content.decode()
    assert seeder.poll().json()["error"] == "access_denied"


@pytest.mark.parametrize("decision", ["", "yes", "Approve"])
def test_only_the_approve_button_approves(
    browser: Client, seeder: FakeSeeder, decision: str
) -> None:
    type_code(browser, seeder.begin()["user_code"])
    decide(browser, decision)

    assert DeviceGrant.objects.get().state == "denied"


@pytest.mark.parametrize(
    "spelling",
    [
        lambda code: code,
        lambda code: code.lower(),
        lambda code: code.replace("-", ""),
        lambda code: f"  {code[:2]} {code[2:]} ",
        lambda code: code.translate({o: o + 0xFEE0 for o in range(0x21, 0x7F)}),  # full width
    ],
)
def test_a_code_is_typed_as_people_type(browser: Client, seeder: FakeSeeder, spelling: Any) -> None:
    page = type_code(browser, spelling(seeder.begin()["user_code"]))

    assert page.redirect_chain == [("/device/approve/", 302)]


@pytest.mark.parametrize("parameter", ["code", "user_code", "grant", "device_code"])
def test_a_code_in_the_address_is_ignored(
    browser: Client, seeder: FakeSeeder, parameter: str
) -> None:
    code = seeder.begin()["user_code"]

    page = browser.get(f"/device/?{parameter}={code}", follow=True)

    assert page.status_code == 200
    assert code not in page.content.decode()
    [field] = re.findall(r"<input[^>]*name=\"user_code\"[^>]*>", page.content.decode())
    assert "value=" not in field


@pytest.mark.parametrize(
    "code", ["", "BCDF", "BCDF-GHJKX", "AEIO-UAEI", "1234-5678", "한글", "\x00"]
)
def test_a_wrong_code_is_refused_at_its_field(
    browser: Client, seeder: FakeSeeder, code: str
) -> None:
    seeder.begin()

    answer = browser.post("/device/", {"user_code": code})

    assert answer.status_code == 422
    assert "user_code" in answer.context["form"].errors


def test_an_old_and_a_used_code_are_refused_alike(browser: Client, seeder: FakeSeeder) -> None:
    code = seeder.begin()["user_code"]
    other = FakeSeeder()
    used = other.begin()["user_code"]
    type_code(browser, used)
    decide(browser, "deny", DeviceGrant.objects.get(thumbprint=other.identity.public.thumbprint))

    first = browser.post("/device/", {"user_code": used})
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=11)):
        second = browser.post("/device/", {"user_code": code})

    assert first.context["form"].errors == second.context["form"].errors
    assert first.status_code == second.status_code == 422


def test_guessing_codes_is_slowed_down(browser: Client, seeder: FakeSeeder) -> None:
    code = seeder.begin()["user_code"]
    for _guess in range(10):
        assert browser.post("/device/", {"user_code": "BCDF-GHJK"}).status_code == 422

    answer = browser.post("/device/", {"user_code": code})
    assert answer.status_code == 429
    assert b"Wait five minutes" in answer.content


def test_a_stranger_logs_in_first(seeder: FakeSeeder) -> None:
    assert Client().get("/device/")["Location"] == "/accounts/login/?next=/device/"
    assert Client().get("/device/approve/")["Location"].startswith("/accounts/login/")


def test_an_old_log_in_is_asked_for_the_password_again(
    ada: User, browser: Client, seeder: FakeSeeder
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        code = seeder.begin()["user_code"]
        browser.cookies = log_in(ada).cookies
        clock.shift(301)

        page = type_code(browser, code)
        assert page.redirect_chain[-1][0] == "/accounts/reauthenticate/?next=%2Fdevice%2Fapprove%2F"
        assert b"Ada\xe2\x80\x99s desk" not in page.content
        decide(browser, "approve")
        assert DeviceGrant.objects.get().state == "pending"

        wrong = browser.post(
            "/accounts/reauthenticate/", {"password": "wrong", "next": "/device/approve/"}
        )
        assert wrong.status_code == 200
        right = browser.post(
            "/accounts/reauthenticate/", {"password": PASSWORD, "next": "/device/approve/"}
        )
        assert right["Location"] == "/device/approve/"
        assert DeviceGrant.objects.get().state == "pending"  # the decision is still to be taken
        decide(browser, "approve")
        assert DeviceGrant.objects.get().state == "approved"


def test_a_page_left_open_asks_again(ada: User, browser: Client, seeder: FakeSeeder) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        browser.cookies = log_in(ada).cookies
        type_code(browser, seeder.begin()["user_code"])
        clock.shift(301)

        answer = decide(browser, "approve")

        assert answer.redirect_chain[0][0].startswith("/accounts/reauthenticate/")
        assert DeviceGrant.objects.get().state == "pending"


def test_another_site_cannot_approve(ada: User, seeder: FakeSeeder) -> None:
    browser = log_in(ada, enforce_csrf_checks=True)
    grant_code = seeder.begin()["user_code"]
    page = browser.get("/device/")
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[0]
    fields = {"user_code": grant_code}
    assert browser.post("/device/", fields).status_code == 403
    assert browser.post("/device/", {**fields, "csrfmiddlewaretoken": token}).status_code == 302

    grant = DeviceGrant.objects.get()
    approval = {"grant": str(grant.pk), "decision": "approve"}
    assert browser.post("/device/approve/", approval).status_code == 403
    grant.refresh_from_db()
    assert grant.state == "pending"

    answer = browser.post("/device/approve/", {**approval, "csrfmiddlewaretoken": token})
    assert answer.status_code == 302
    grant.refresh_from_db()
    assert grant.state == "approved"


def test_a_decision_is_for_the_device_that_was_shown(browser: Client, seeder: FakeSeeder) -> None:
    # Given a page that shows one device, and another tab in which another code was typed.
    type_code(browser, seeder.begin()["user_code"])
    shown = DeviceGrant.objects.get()
    other = FakeSeeder("Eve’s machine")
    type_code(browser, other.begin()["user_code"])

    answer = decide(browser, "approve", shown)

    assert answer.redirect_chain == [("/device/approve/", 302)]
    assert "Eve’s machine" in answer.content.decode()
    assert set(DeviceGrant.objects.values_list("state", flat=True)) == {"pending"}


def test_without_a_code_there_is_nothing_to_approve(
    ada: User, eve: User, browser: Client, seeder: FakeSeeder
) -> None:
    type_code(log_in(eve), seeder.begin()["user_code"])
    grant = DeviceGrant.objects.get()

    answer = decide(browser, "approve", grant)

    assert answer.redirect_chain == [("/device/", 302)]
    grant.refresh_from_db()
    assert grant.state == "pending"


def test_names_are_shown_as_text(browser: Client, seeder: FakeSeeder) -> None:
    seeder.name = '<script>alert(1)</script>\u202e"'
    page = type_code(browser, seeder.begin()["user_code"])

    text = page.content.decode()
    assert "<script>alert" not in text
    assert "\u202e" not in text


def test_the_page_is_not_kept_by_caches(browser: Client, seeder: FakeSeeder) -> None:
    page = type_code(browser, seeder.begin()["user_code"])
    assert "no-store" in page["Cache-Control"]
