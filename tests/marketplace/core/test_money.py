from __future__ import annotations

import contextlib
import re

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.money import CURRENCIES, Money, MoneyError, parse_money

LANGUAGES = ("ko", "en", "de", "fr", "de-ch")
currencies = st.sampled_from(sorted(CURRENCIES))
languages = st.sampled_from(LANGUAGES)
# What looks like an amount, so that much of it is one.
typed = st.text(alphabet="00123456789.,' \u00a0\u202f’₩€$원１，", max_size=16)


@given(minor=st.integers(0, 10**12 - 1), currency=currencies)
def test_what_is_shown_plain_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor // 100, currency)

    assert parse_money(money.plain, currency) == money


@given(minor=st.integers(0, 10**11), currency=currencies)
def test_what_is_shown_to_buyers_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert parse_money(str(money), currency) == money


@given(minor=st.integers(0, 10**12 - 1), currency=currencies, language=languages)
def test_what_a_page_prints_is_read_back_on_it(minor: int, currency: str, language: str) -> None:
    money = Money(minor, currency)

    assert parse_money(money.typed(language), currency, language=language) == money
    assert parse_money(money.localised(language), currency, language=language) == money


@given(text=typed, currency=currencies, language=languages)
def test_what_was_read_stays_the_same_when_it_is_saved_again(
    text: str, currency: str, language: str
) -> None:
    try:
        money = parse_money(text, currency, language=language)
    except MoneyError:
        return

    assert parse_money(money.typed(language), currency, language=language) == money
    assert parse_money(money.localised(language), currency, language=language) == money


@given(text=typed, currency=currencies)
def test_two_languages_never_read_two_amounts_that_both_could_have_been_meant(
    text: str, currency: str
) -> None:
    read = set()
    for language in LANGUAGES:
        with contextlib.suppress(MoneyError):
            read.add(parse_money(text, currency, language=language))

    # "1.234" dinars is how English prints one amount, and "1,234" how German prints the same.
    if currency != "KWD":
        assert len(read) <= 1 or re.fullmatch(r"\D*[1-9][0-9]{0,2}[.,][0-9]{3}\D*", text)
    assert len(read) <= 2


@given(text=st.text(max_size=60), currency=currencies)
def test_any_text_is_an_amount_or_refused_with_a_sentence(text: str, currency: str) -> None:
    try:
        money = parse_money(text, currency)
    except MoneyError as refusal:
        sentence = str(refusal)
    else:
        sentence = "It is an amount."
        assert money.minor >= 0
        assert money.currency == currency

    assert sentence.endswith(".")
    assert len(sentence) < 160


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0", "KRW", 0),
        ("1500", "KRW", 1500),
        ("1,500", "KRW", 1500),
        ("₩1,500", "KRW", 1500),
        ("￦1500", "KRW", 1500),
        ("１２００", "KRW", 1200),
        (" 1 500 ", "JPY", 1500),
        ("12.5", "USD", 1250),
        ("12.", "USD", 1200),
        ("$1,234.50", "USD", 123450),
        ("0.07", "EUR", 7),
        ("12,50", "EUR", 1250),
        ("1.234,56", "EUR", 123456),
        ("1 234,56", "EUR", 123456),
        ("1\u00a0234,56 €", "EUR", 123456),
        ("1\u202f234,56\u00a0€", "EUR", 123456),
        ("1'234.50", "USD", 123450),
        ("1’234.50", "USD", 123450),
        ("1.234.567", "KRW", 1234567),
        ("1,500원", "KRW", 1500),
        ("１，５００ 원", "KRW", 1500),
        ("KRW 1500", "KRW", 1500),
        ("US$ 5", "USD", 500),
        ("1.234", "KWD", 1234),
        ("KWD 1,234.500", "KWD", 1234500),
        ("0,250", "KWD", 250),
        ("\u200e$5", "USD", 500),
    ],
)
def test_amounts_as_people_write_them(text: str, currency: str, minor: int) -> None:
    assert parse_money(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "KRW"),
        ("-5", "KRW"),
        ("−5", "USD"),
        ("15.5", "KRW"),
        ("1500.00", "KRW"),
        ("1.500", "USD"),  # fifteen hundred, to a German
        ("1.500", "KRW"),
        ("1,500", "KWD"),
        ("1 2", "KRW"),
        ("1 234.567,89", "EUR"),
        ("1,234 567", "KRW"),
        ("5²", "KRW"),
        ("½", "USD"),
        ("€5", "USD"),
        ("5원", "USD"),
        ("$-5", "USD"),
        ("1." + "0" * 40 + "1", "USD"),
        ("1,50,000", "KRW"),
        ("1e3", "USD"),
        ("٣", "USD"),
        ("9" * 13, "KRW"),
        ("<b>5</b>", "USD"),
        ("NaN", "USD"),
        ("5", "XXX"),
    ],
)
def test_what_is_no_amount_is_refused(text: str, currency: str) -> None:
    with pytest.raises(MoneyError):
        parse_money(text, currency)


def test_a_refusal_fits_a_price_and_an_amount_that_a_buyer_chooses() -> None:
    with pytest.raises(MoneyError, match=r"^Write an amount, like 12\.50\.$"):
        parse_money("  ", "USD")
    with pytest.raises(MoneyError, match="Write it without the minus sign"):
        parse_money("-5", "USD")


def test_money_knows_the_currencys_decimals() -> None:
    assert str(Money(1234567, "KRW")) == "₩1,234,567"
    assert str(Money(1234567, "USD")) == "$12,345.67"
    assert str(Money(-50, "EUR")) == "−€0.50"


def test_money_refuses_a_currency_that_the_shop_does_not_take() -> None:
    with pytest.raises(MoneyError, match="XXX is not a currency of this shop"):
        Money(1, "XXX")


@pytest.mark.parametrize(
    ("text", "currency", "language", "minor"),
    [
        ("1.500", "EUR", "de", 150_000),
        ("1.500", "KRW", "de", 1_500),
        ("1,500", "USD", "en", 150_000),
        ("1,500", "USD", "ko", 150_000),
        ("1,234", "KWD", "de", 1_234),
        ("1.234", "KWD", "en", 1_234),
        ("1 500", "EUR", "fr", 150_000),
        ("1’234.50", "EUR", "de-CH", 123_450),
        ("1,500", "USD", "de-AT", None),  # 1.5, which is no cent, or fifteen hundred
        ("1.500", "USD", "fr", None),
        ("1.500", "USD", "en", None),
        ("1.500", "KWD", "de", None),
        ("1,500", "KWD", "ko", None),
    ],
)
def test_the_language_of_the_page_decides_where_one_reading_is_impossible(
    text: str, currency: str, language: str, minor: int | None
) -> None:
    if minor is None:
        with pytest.raises(MoneyError, match="could be"):
            parse_money(text, currency, language=language)
    else:
        assert parse_money(text, currency, language=language) == Money(minor, currency)


def test_an_amount_with_two_readings_shows_both() -> None:
    with translation.override("en"):
        with pytest.raises(MoneyError) as refused:
            parse_money("1.500", "USD")
        with pytest.raises(MoneyError) as of_dinars:
            parse_money("1,500", "KWD")

    assert str(refused.value) == (
        "“1.500” could be 1.500 USD or $1,500.00. For the larger one write 1500.00."
    )
    assert str(of_dinars.value) == (
        "“1,500” could be KWD\u00a01,500.000 or KWD\u00a01.500. For the larger one write 1500.000."
    )


def test_money_is_written_in_the_habit_of_the_language() -> None:
    money = Money(123_456_789, "EUR")

    assert money.localised("en") == "€1,234,567.89"
    assert money.localised("ko") == "€1,234,567.89"
    assert money.localised("de") == "1.234.567,89\u00a0€"
    assert money.localised("fr") == "1\u202f234\u202f567,89\u00a0€"
    assert money.typed("de") == "1234567,89"
    assert Money(-5, "KWD").localised("de") == "−0,005\u00a0KWD"
    with translation.override("de"):
        assert Money(1_500, "KRW").localised() == "1.500\u00a0₩"


def test_another_currencys_sign_is_named() -> None:
    with translation.override("en"), pytest.raises(MoneyError) as refused:
        parse_money("€5", "KRW")

    assert str(refused.value) == (
        "“€5” is an amount in EUR, and this one is in KRW. Write the number alone."
    )
