"""What `manage.py check --deploy` says of a shop that is open to attack."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from marketplace.core.fee_rates import fee_rates
from marketplace.operations import checks


@pytest.mark.parametrize(
    ("address", "sandbox", "found"),
    [
        ("https://shop.example", False, []),
        ("http://shop.example", False, ["geobuk.E002"]),
        ("http://127.0.0.1:8000", False, ["geobuk.E002"]),
        ("http://127.0.0.1:8000", True, []),
    ],
)
def test_an_address_without_tls_is_an_error(
    settings: Settings, address: str, sandbox: bool, found: list[str]
) -> None:
    settings.SITE_URL, settings.SANDBOX = address, sandbox

    assert [message.id for message in checks.site_is_reached_by_tls()] == found


@pytest.mark.parametrize(("mode", "found"), [(0o700, []), (0o750, []), (0o755, ["geobuk.W001"])])
def test_a_data_folder_for_all_to_read_is_told(
    settings: Settings, tmp_path: Path, mode: int, found: list[str]
) -> None:
    settings.DATA_DIR = tmp_path
    tmp_path.chmod(mode)

    assert [message.id for message in checks.data_folder_is_private()] == found


@pytest.mark.parametrize(
    ("header", "proxies", "found"),
    [
        (None, 0, []),
        (("HTTP_X_FORWARDED_PROTO", "https"), 1, []),
        (("HTTP_X_FORWARDED_PROTO", "https"), 0, ["geobuk.W002"]),
    ],
)
def test_a_proxy_that_is_not_counted_is_told(
    settings: Settings, header: tuple[str, str] | None, proxies: int, found: list[str]
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = header
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies

    assert [message.id for message in checks.proxies_are_counted()] == found


@pytest.mark.parametrize(
    ("environment", "losses"),
    [
        ({}, []),
        ({"GEOBUK_STRIPE_FEE_FIXED": "USD=0.30 KRW=400"}, []),  # the fee follows it
        ({"GEOBUK_FEE_FIXED": ""}, ["$0.50", "€0.50", "KWD"]),
        ({"GEOBUK_FEE_FIXED": "USD=0.30 KWD=0.100"}, ["€0.50"]),
        ({"GEOBUK_FEE_PERCENT": "2", "GEOBUK_STRIPE_FEE_FIXED": "KRW=50"}, ["₩100", "$999,999.99"]),
        ({"GEOBUK_FEE_PERCENT": "100"}, []),  # then nothing can be sold
    ],
)
def test_a_fee_that_does_not_pay_for_the_payment_is_told(
    settings: Settings, environment: dict[str, str], losses: list[str]
) -> None:
    settings.FEES = fee_rates(environment)

    found = checks.fees_cover_payments()

    assert [message.id for message in found] == (["geobuk.W005"] if losses else [])
    assert all(loss in message.msg for loss in losses for message in found)
