from __future__ import annotations

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from marketplace.core import fees
from marketplace.core.fee_rates import FeeRates, fee_rates
from marketplace.core.fees import PriceError
from marketplace.core.money import CURRENCIES, MAX_CHARGE, Money

currencies = st.sampled_from(sorted(CURRENCIES))
rates = st.builds(
    FeeRates,
    percent=st.integers(0, 10_000),
    fixed=st.dictionaries(currencies, st.integers(0, 100_000)),
    stripe_percent=st.integers(0, 1_000),
    stripe_fixed=st.dictionaries(currencies, st.integers(0, 1_000)),
    tax=st.integers(0, 5_000),
)


@pytest.fixture(autouse=True)
def ten_percent(settings: Settings) -> None:
    settings.FEES = fee_rates({})


def _is_taken(price: Money) -> bool:
    try:
        fees.check_price(price)
    except PriceError:
        return False
    return True


@given(minor=st.integers(0, MAX_CHARGE), currency=currencies, rates=rates)
def test_a_price_that_is_taken_leaves_its_seller_something(
    minor: int, currency: str, rates: FeeRates
) -> None:
    price = Money(minor, currency)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.FEES", rates)
        fee, left = fees.platform_fee(price), fees.left_for_seller(price)
        tax = fees.tax_included(price, rates.tax)

        assert fee.minor + tax.minor + left.minor == minor
        assert 0 <= fee.minor <= minor
        taken = _is_taken(price)
        assert not taken or minor == 0 or left.minor > 0


@given(currency=currencies, rates=rates)
def test_the_least_price_is_taken_and_a_step_less_is_not(currency: str, rates: FeeRates) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.FEES", rates)
        least = fees.least_price(currency)
        if least is None:
            return
        fees.check_price(least)
        below = Money(least.minor - CURRENCIES[currency].step, currency)
        with pytest.raises(PriceError):
            fees.check_price(below)


@pytest.mark.parametrize(
    ("price", "fee", "stripe"),
    [
        (Money(0, "USD"), 0, 0),
        (Money(12_000, "KRW"), 1_200, 348),
        (Money(995, "USD"), 130, 59),  # 99.5 + 30 cents, and 28.855 + 30
        (Money(50, "USD"), 35, 31),
        (Money(5_120, "KWD"), 610, 250),  # in steps of 10, as Stripe charges dinars
    ],
)
def test_fees_are_rounded_to_what_can_be_charged(price: Money, fee: int, stripe: int) -> None:
    assert fees.platform_fee(price) == Money(fee, price.currency)
    assert fees.estimated_stripe_fee(price) == Money(stripe, price.currency)


def test_tax_is_what_the_price_includes() -> None:
    assert fees.tax_included(Money(11_000, "KRW"), 1_000) == Money(1_000, "KRW")
    assert fees.tax_included(Money(11_900, "EUR"), 1_900) == Money(1_900, "EUR")
    assert fees.tax_included(Money(999, "USD"), 0) == Money(0, "USD")


def test_what_is_left_is_after_fee_and_tax(settings: Settings) -> None:
    settings.FEES = fee_rates({"GEOBUK_TAX_PERCENT": "10", "GEOBUK_FEE_FIXED": "KRW=100"})

    assert fees.left_for_seller(Money(11_000, "KRW")) == Money(11_000 - 1_200 - 1_000, "KRW")


def test_a_price_that_fees_eat_up_is_refused_with_the_least_that_is_not(
    settings: Settings,
) -> None:
    settings.FEES = fee_rates({"GEOBUK_FEE_FIXED": "KRW=400", "GEOBUK_TAX_PERCENT": "10"})

    with translation.override("en"), pytest.raises(PriceError) as refused:
        fees.check_price(Money(450, "KRW"))

    assert str(refused.value) == (
        "Of ₩450 nothing is left: fees take ₩445 and tax ₩41."
        " Ask at least ₩496, or write 0 to give it away."
    )
    fees.check_price(Money(496, "KRW"))


def test_where_fees_eat_up_every_price_it_is_said(settings: Settings) -> None:
    settings.FEES = fee_rates({"GEOBUK_FEE_PERCENT": "100"})

    with translation.override("en"), pytest.raises(PriceError, match="only give things away"):
        fees.check_price(Money(5_000, "KRW"))
    fees.check_price(Money(0, "KRW"))


@pytest.mark.parametrize(
    ("price", "sentence"),
    [
        (Money(-1, "EUR"), "cannot be negative"),
        (Money(99, "KRW"), "less than ₩100"),
        (Money(140, "KWD"), "less than KWD\u00a00.150"),
        (Money(MAX_CHARGE + 1, "USD"), "more than $999,999.99"),
        (Money(5_124, "KWD"), "Write KWD\u00a05.120 or KWD\u00a05.130"),
    ],
)
def test_what_cards_cannot_be_charged_is_refused(price: Money, sentence: str) -> None:
    with translation.override("en"), pytest.raises(PriceError) as refused:
        fees.check_price(price)

    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GEOBUK_FEE_PERCENT", "ten"),
        ("GEOBUK_FEE_PERCENT", "101"),
        ("GEOBUK_FEE_PERCENT", "2.999"),
        ("GEOBUK_TAX_PERCENT", "NaN"),
        ("GEOBUK_TAX_PERCENT", "-1"),
        ("GEOBUK_FEE_FIXED", "USD"),
        ("GEOBUK_FEE_FIXED", "USD=0.301"),
        ("GEOBUK_STRIPE_FEE_FIXED", "XXX=1"),
    ],
)
def test_a_rate_that_is_none_stops_the_start_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        fee_rates({name: value})


def test_rates_are_read_exactly() -> None:
    read = fee_rates({"GEOBUK_FEE_PERCENT": "12.5", "GEOBUK_FEE_FIXED": "USD=0.30, KWD=0.100"})

    assert read.percent == 1_250
    assert dict(read.fixed) == {"USD": 30, "KWD": 100}
    assert read.stripe_percent == 290
