from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.money import CURRENCIES, Money, MoneyError, parse_money

currencies = st.sampled_from(sorted(CURRENCIES))


@given(minor=st.integers(0, 10**12 - 1), currency=currencies)
def test_what_is_shown_plain_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor // 100, currency)

    assert parse_money(money.plain, currency) == money


@given(minor=st.integers(0, 10**11), currency=currencies)
def test_what_is_shown_to_buyers_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert parse_money(str(money), currency) == money


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
        ("1." + "0" * 40 + "1", "USD"),
        ("12,50", "EUR"),
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


def test_money_knows_the_currencys_decimals() -> None:
    assert str(Money(1234567, "KRW")) == "₩1,234,567"
    assert str(Money(1234567, "USD")) == "$12,345.67"
    assert str(Money(-50, "EUR")) == "−€0.50"


def test_money_refuses_a_currency_that_the_shop_does_not_take() -> None:
    with pytest.raises(MoneyError, match="XXX is not a currency of this shop"):
        Money(1, "XXX")
