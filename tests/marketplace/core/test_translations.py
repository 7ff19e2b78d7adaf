"""The Korean catalogue is whole, and pages answer in Korean. Nothing is written to the tree."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from babel.messages.catalog import Catalog, Message
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import formats, translation
from pytest_django import Settings

from scripts.messages import (
    LANGUAGES,
    catalogue_file,
    compile_all,
    find_strings,
    read_catalogue,
    texts,
)

HOW = "Run `.venv/bin/python scripts/messages.py collect`, then translate what is empty in"
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-z%]|\{\w*\}|</?\w+[^>]*>")
HANGUL = re.compile("[가-힣]")
# A particle after a variable has to fit whether or not the value ends in a consonant.
BARE_PARTICLE = re.compile(r"%(?:\(\w+\))?[sd][”’)]?(?:은|는|이|가|을|를|과|와|으로)(?![가-힣(])")


@pytest.fixture(scope="module")
def found() -> Catalog:
    return find_strings()


@pytest.fixture(params=LANGUAGES)
def known(request: pytest.FixtureRequest) -> Catalog:
    return read_catalogue(request.param)


@pytest.fixture
def korean(settings: Settings, tmp_path: Path) -> Client:
    """A browser that asks for Korean, before a shop with the catalogues as they are now."""
    compile_all(tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    return Client(headers={"accept-language": "ko-KR,ko;q=0.9,en;q=0.5"})


def key(message: Message) -> tuple[str, str | None]:
    return singular(message), message.context


def singular(message: Message) -> str:
    return cast("str", message.id[0] if isinstance(message.id, tuple) else message.id)


def plural(message: Message) -> str:
    """The form for many: the one that has the number in every language."""
    return cast("str", message.id[-1] if isinstance(message.id, tuple) else message.id)


def forms(message: Message) -> list[str]:
    return texts(message.string)


def entries(catalogue: Catalog) -> list[Message]:
    """All but the header."""
    return [message for message in catalogue if message.id]


def test_every_string_is_translated(found: Catalog, known: Catalog) -> None:
    words = {key(message): forms(message) for message in entries(known)}
    missing = [
        f"{singular(message)!r} ({message.locations[0][0]})"
        for message in entries(found)
        if not all(words.get(key(message), [""]))
    ]
    where = catalogue_file(str(known.locale))
    assert not missing, f"{HOW} {where}:\n" + "\n".join(missing)


def test_no_translation_is_left_over(found: Catalog, known: Catalog) -> None:
    used = {key(message) for message in entries(found)}
    left = [singular(message) for message in entries(known) if key(message) not in used]
    assert not left, f"{HOW} (this removes the unused):\n" + "\n".join(left)


def test_placeholders_and_tags_are_the_same_in_both(known: Catalog) -> None:
    wrong = [
        f"{source!r} → {form!r}"
        for message in entries(known)
        for source in [plural(message)]
        for form in forms(message)
        if Counter(PLACEHOLDER.findall(source)) != Counter(PLACEHOLDER.findall(form))
    ]
    assert not wrong, "\n".join(wrong)


def test_line_ends_are_the_same_in_both(known: Catalog) -> None:
    for message in entries(known):
        for form in forms(message):
            assert form.count("\n") == singular(message).count("\n"), singular(message)
            assert form == form.strip(), singular(message)


def test_korean_is_written_in_hangul() -> None:
    for message in entries(read_catalogue("ko")):
        words = PLACEHOLDER.sub("", singular(message))
        if re.search("[a-z]{2}", words):
            assert all(map(HANGUL.search, forms(message))), singular(message)


def test_korean_particles_after_variables_fit_any_value() -> None:
    wrong = [
        form
        for message in entries(read_catalogue("ko"))
        for form in forms(message)
        if BARE_PARTICLE.search(form)
    ]
    assert not wrong, "Write 은(는), 이(가), 을(를), or turn the sentence:\n" + "\n".join(wrong)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "한 번 구매하면"),
        ("/search/", "무엇을 찾으세요?"),
        ("/accounts/login/", "로그인"),
        ("/accounts/signup/", "회원가입"),
        ("/accounts/password/reset/", "비밀번호 재설정"),
        ("/no/such/page/", "페이지를 찾을 수 없습니다"),
    ],
)
def test_pages_answer_in_korean(korean: Client, path: str, words: str) -> None:
    response = korean.get(path)
    page = response.content.decode()
    assert '<html lang="ko"' in page
    assert response.headers["Content-Language"] == "ko"
    assert words in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/accounts/", "내 계정"),
        ("/accounts/devices/", "아직 기기가 없습니다"),
        ("/accounts/become-seller/", "판매자 등록"),
        ("/accounts/email/", "이메일 주소"),
        ("/device/", "기기 로그인"),
        ("/library/", "내 보관함"),
    ],
)
def test_pages_of_a_person_answer_in_korean(korean: Client, path: str, words: str) -> None:
    user = get_user_model().objects.create_user(email="kim@example.org", password="turtle-2002")
    korean.force_login(user)
    page = korean.get(path).content.decode()
    assert '<html lang="ko"' in page
    assert words in page


@pytest.mark.django_db
def test_english_stays_english(korean: Client) -> None:
    page = korean.get("/", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="en"' in page
    assert "Pay once." in page


def test_dates_read_as_koreans_write_them() -> None:
    moment = dt.datetime(2026, 11, 5, 15, 4, tzinfo=dt.UTC)
    with translation.override("ko"):
        assert formats.date_format(moment, "DATE_FORMAT") == "2026년 11월 5일"
        assert formats.date_format(moment, "DATETIME_FORMAT") == "2026년 11월 5일 오후 3:04"
        assert formats.date_format(moment, "SHORT_DATE_FORMAT") == "2026. 11. 5."


@pytest.mark.django_db
def test_countries_have_korean_names(korean: Client) -> None:
    user = get_user_model().objects.create_user(email="kim@example.org", password="turtle-2002")
    korean.force_login(user)
    page = korean.get("/accounts/become-seller/").content.decode()
    assert '<option value="KR" selected>대한민국</option>' in page
    assert "South Korea" not in page
