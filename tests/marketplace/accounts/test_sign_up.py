from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from marketplace.accounts.adapter import AccountAdapter
from marketplace.accounts.models import User
from tests.marketplace.accounts.people import PASSWORD, log_in

pytestmark = pytest.mark.django_db


def sign_up(client: Client, email: str, **more: str) -> int:
    fields = {"email": email, "password1": PASSWORD, "password2": PASSWORD, **more}
    return client.post("/accounts/signup/", fields).status_code


def link_in(text: object) -> str:
    [link] = re.findall(
        r"http://127\.0\.0\.1:8000(/accounts/(?:confirm-email|password/reset/key)/\S+)", str(text)
    )
    return str(link)


def test_sign_up_confirm_and_be_logged_in(client: Client) -> None:
    assert sign_up(client, "Ada@Example.org") == 302
    assert client.get("/accounts/").status_code == 302  # not let in before the address is confirmed

    page = link_in(mail.outbox[0].body)
    assert b"ada@example.org" in client.get(page).content
    assert (
        not EmailAddress.objects.get().verified
    )  # a mail scanner that opens the link confirms nothing
    client.post(page)

    assert User.objects.get().email == "ada@example.org"
    assert EmailAddress.objects.get().verified
    assert client.get("/accounts/").status_code == 200


def test_the_mail_names_the_shop_and_ignores_the_host_header() -> None:
    answer = Client().post(
        "/accounts/signup/",
        {"email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD},
        headers={"host": "localhost"},
    )

    assert answer.status_code == 302
    [message] = mail.outbox
    assert message.subject == "[Geobuk] Welcome to Geobuk: confirm your address"
    assert "localhost" not in message.body
    assert link_in(message.body)


def test_another_spelling_is_the_same_account(ada: User, client: Client) -> None:
    assert sign_up(client, "ADA@EXAMPLE.ORG") == 302

    assert User.objects.count() == 1
    [message] = mail.outbox
    assert message.subject == "[Geobuk] You have an account already"
    assert message.to == ["ada@example.org"]


def test_sign_up_does_not_tell_whether_an_address_has_an_account(ada: User) -> None:
    taken, free = Client(), Client()
    fields = {"password1": PASSWORD, "password2": PASSWORD}
    first = taken.post("/accounts/signup/", {"email": "ada@example.org", **fields})
    second = free.post("/accounts/signup/", {"email": "new@example.org", **fields})

    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert (
        taken.get(first["Location"]).status_code == free.get(second["Location"]).status_code == 200
    )


def test_two_sign_ups_at_once_make_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a rival that signs up after the first one has looked, and before it writes.
    original = AccountAdapter.clean_password

    def with_rival(self: AccountAdapter, password: str, user: User | None = None) -> str:
        if not User.objects.exists():
            User.objects.create_user("ADA@example.org", PASSWORD)
        return str(original(self, password, user))

    monkeypatch.setattr(AccountAdapter, "clean_password", with_rival)
    answer = Client().post(
        "/accounts/signup/",
        {"email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD},
    )

    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/confirm-email/"
    assert User.objects.count() == 1


@pytest.mark.parametrize("email", ["ada@example.org", "ADA@example.ORG", " Ada@Example.org "])
def test_log_in_in_any_spelling(ada: User, client: Client, email: str) -> None:
    answer = client.post("/accounts/login/", {"login": email, "password": PASSWORD})

    assert answer.status_code == 302
    assert answer["Location"] == "/library/"


def test_the_password_comes_right_after_the_address(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()

    form = page[page.index('action="/accounts/login/"') :]
    assert form.index('name="password"') < form.index("/accounts/password/reset/")


def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nothing(ada: User) -> None:
    wrong = Client().post("/accounts/login/", {"login": "ada@example.org", "password": "x" * 12})
    unknown = Client().post("/accounts/login/", {"login": "bob@example.org", "password": "x" * 12})

    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].errors == unknown.context["form"].errors
    assert b'role="alert"' in wrong.content


def test_guessing_a_password_is_slowed_down(ada: User, client: Client) -> None:
    for _attempt in range(5):
        client.post("/accounts/login/", {"login": "ada@example.org", "password": "wrong wrong"})

    answer = client.post("/accounts/login/", {"login": "ada@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert b"Too many failed login attempts" in answer.content


def test_reset_the_password_in_any_spelling(ada: User, client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": "ADA@example.org"})
    page = link_in(mail.outbox[0].body)
    form = client.get(page, follow=True)
    fields = {"password1": "a new one, longer", "password2": "a new one, longer"}
    client.post(form.redirect_chain[-1][0], fields)

    ada.refresh_from_db()
    assert ada.check_password("a new one, longer")
    assert mail.outbox[1].subject == "[Geobuk] Your password was reset"
    assert b"This link is used up" in Client().get(page, follow=True).content


def test_reset_answers_alike_for_an_unknown_address(ada: User) -> None:
    known = Client().post("/accounts/password/reset/", {"email": "ada@example.org"})
    unknown = Client().post("/accounts/password/reset/", {"email": "bob@example.org"})

    assert known.status_code == unknown.status_code == 302
    assert known["Location"] == unknown["Location"]
    assert mail.outbox[1].to == ["bob@example.org"]
    assert mail.outbox[1].subject == "[Geobuk] There is no account with your address"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "http://127.0.0.1:9/",
        "javascript:alert(1)",
        "\\\\evil.example",
    ],
)
def test_log_in_does_not_redirect_elsewhere(ada: User, client: Client, target: str) -> None:
    answer = client.post(
        "/accounts/login/",
        {"login": "ada@example.org", "password": PASSWORD, "next": target},
        headers={"host": "127.0.0.1:8000"},
    )

    assert answer.status_code == 302
    assert answer["Location"] == "/library/"


def test_log_in_returns_to_the_page_that_asked_for_it(ada: User, client: Client) -> None:
    answer = client.post(
        "/accounts/login/",
        {"login": "ada@example.org", "password": PASSWORD, "next": "/accounts/devices/"},
    )

    assert answer["Location"] == "/accounts/devices/"


def test_change_the_address(ada: User, browser: Client) -> None:
    browser.post("/accounts/email/", {"action_add": "", "email": "Ada@New.example"})
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"  # until it is confirmed

    browser.post(link_in(mail.outbox[-1].body))

    ada.refresh_from_db()
    assert ada.email == "ada@new.example"
    assert mail.outbox[-1].to == ["ada@example.org"]
    assert mail.outbox[-1].subject == "[Geobuk] Your address was changed"


def test_an_address_of_another_account_is_not_taken_over(ada: User, browser: Client) -> None:
    rival = User.objects.create_user("bob@example.org", PASSWORD)  # never confirmed
    browser.post("/accounts/email/", {"action_add": "", "email": "BOB@example.org"})
    page = link_in(mail.outbox[-1].body)

    browser.post(page)

    assert b"belongs to another account" in browser.get("/accounts/").content
    ada.refresh_from_db()
    rival.refresh_from_db()
    assert (ada.email, rival.email) == ("ada@example.org", "bob@example.org")


@pytest.mark.parametrize(
    "path",
    ["signup", "login", "password/reset", "password/reset/done", "confirm-email", "inactive"],
)
def test_pages_for_strangers_have_the_shop_around_them(path: str) -> None:
    answer = Client().get(f"/accounts/{path}/")

    assert answer.status_code == 200
    assert b'class="site-header"' in answer.content
    assert b"style=" not in answer.content


@pytest.mark.parametrize(
    "path",
    ["", "email/", "password/change/", "logout/", "2fa/", "2fa/totp/activate/", "reauthenticate/"],
)
def test_pages_of_an_account_have_the_shop_around_them(browser: Client, path: str) -> None:
    answer = browser.get(f"/accounts/{path}")

    assert answer.status_code == 200
    assert b'class="site-header"' in answer.content
    assert b"style=" not in answer.content


def test_an_error_stands_at_its_field(client: Client) -> None:
    answer = client.post(
        "/accounts/signup/", {"email": "no address", "password1": "short", "password2": "other"}
    )

    assert answer.status_code == 200
    assert set(answer.context["form"].errors) >= {"email", "password1"}
    assert b'aria-invalid="true"' in answer.content
    assert User.objects.count() == 0


def test_logging_out_takes_a_click(browser: Client) -> None:
    browser.get("/accounts/logout/")
    assert browser.get("/accounts/").status_code == 200

    browser.post("/accounts/logout/")
    assert browser.get("/accounts/").status_code == 302


def test_a_name_is_cleaned(ada: User, browser: Client) -> None:
    browser.post("/accounts/", {"display_name": "  Ada\u202e   Lovelace "})

    ada.refresh_from_db()
    assert ada.display_name == "Ada Lovelace"


def test_the_admin_uses_the_same_log_in(ada: User) -> None:
    answer = Client().get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert log_in(ada).get("/admin/").status_code in (302, 403)
