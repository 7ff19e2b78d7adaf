"""Logging in by the device flow (RFC 8628), bound to this device's key by DPoP (RFC 9449).

fetch the shop document ─► pin its root key ─► make or load this device's keys
  ─► ask for a code ─► a person types it at the shop ─► poll until tokens come
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from drm.proof import create_proof
from seeder.client import fetch_shop, make_http, read_error
from seeder.config import Home, ShopFolder, check_shop_url, utc_now
from seeder.device import DeviceKeys, KeyChoice, make_device
from seeder.errors import LoginFailedError, ShopAnswerError, ShopRefusedError, ShopUnreachableError
from seeder.shops import Shop, pin_shop
from seeder.tokens import Tokens

__all__ = ["DeviceCode", "PendingLogin", "Wait", "log_in", "read_token_answer"]

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOW_DOWN_STEP = 5.0  # RFC 8628 section 3.5
SHORTEST_INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the shop gives to begin with; the person needs `user_code` and the address."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    expires_in: float
    interval: float


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """What is shown while the person approves."""

    shop: Shop
    device: DeviceKeys
    code: DeviceCode


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: ask again after this many seconds."""

    interval: float


def read_token_answer(response: httpx.Response, *, interval: float, now: datetime) -> Tokens | Wait:
    """What an answer of the token endpoint means (RFC 8628 section 3.5); no I/O.

    Raises LoginFailedError where the person said no or the code has expired.
    """
    if response.is_success:
        try:
            return Tokens.from_answer(response.json(), now=now)
        except ValueError as error:
            raise ShopAnswerError("The shop's answer to the login cannot be read.") from error
    code, message = read_error(response)
    if code == "authorization_pending":
        return Wait(interval)
    if code == "slow_down":
        return Wait(interval + SLOW_DOWN_STEP)
    if response.status_code == 429 or response.status_code >= 500:
        # A stumble of the shop must not end a login that a person is typing a code for.
        return Wait(interval + SLOW_DOWN_STEP)
    if code == "access_denied":
        raise LoginFailedError("The login was declined at the shop.", code=code)
    if code == "expired_token":
        raise _expired()
    raise ShopRefusedError(message, code=code, status=response.status_code)


def _expired() -> LoginFailedError:
    return LoginFailedError(
        "The code was not typed in time. Run geobuk login again for a new one.",
        code="expired_token",
    )


def log_in(  # noqa: PLR0913 - the outer edges are handed in for tests
    home: Home,
    url: str,
    *,
    name: str,
    show: Callable[[PendingLogin], None],
    suite: str = "",
    keys: KeyChoice | None = None,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Shop, ShopFolder, DeviceKeys]:
    """Log this machine in to the shop at `url`; returns when a person approved it.

    `show` gets the code to type. `suite` is that of a new sealing key, the shop's choice
    if empty; `keys` says where new keys lie, in a file if it says nothing. Nothing is
    stored that a failed login would leave half-made: the pin and the keys stay, the
    tokens come last.
    """
    site = check_shop_url(url)
    folder = home.shop(site)
    with make_http(site, transport) as http:
        shop = fetch_shop(site, http=http)
        pin_shop(folder, shop)
        suite = suite or shop.sealing_suite
        device = make_device(folder, name=name, suite=suite, choice=keys)
        code = _ask_for_code(shop, device, http=http, clock=clock)
        show(PendingLogin(shop, device, code))
        tokens = _poll(shop, device, code, http=http, clock=clock, sleep=sleep)
    tokens.store(folder)
    home.choose(site)
    return shop, folder, device


def _post(
    http: httpx.Client, url: str, form: dict[str, str], device: DeviceKeys, now: datetime
) -> httpx.Response:
    proof = create_proof(device.identity, method="POST", url=url, now=now)
    return http.post(url, data=form, headers={"DPoP": proof})


def _ask_for_code(
    shop: Shop, device: DeviceKeys, *, http: httpx.Client, clock: Callable[[], datetime]
) -> DeviceCode:
    form = {"client_id": shop.client_id, "scope": "seeder", **device.registration()}
    try:
        response = _post(http, shop.device_authorization_endpoint, form, device, clock())
    except httpx.HTTPError as error:
        raise ShopUnreachableError(
            f"The shop at {shop.site} cannot be reached. Check your connection and try again."
        ) from error
    if not response.is_success:
        code, message = read_error(response)
        raise ShopRefusedError(message, code=code, status=response.status_code)
    try:
        answer: dict[str, Any] = response.json()
        return DeviceCode(
            device_code=str(answer["device_code"]),
            user_code=str(answer["user_code"]),
            verification_uri=str(answer["verification_uri"]),
            expires_in=float(answer["expires_in"]),
            interval=max(SHORTEST_INTERVAL, float(answer.get("interval", 5))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ShopAnswerError("The shop's answer to the login cannot be read.") from error


def _poll(
    shop: Shop,
    device: DeviceKeys,
    code: DeviceCode,
    *,
    http: httpx.Client,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Tokens:
    form = {
        "grant_type": GRANT,
        "device_code": code.device_code,
        "client_id": shop.client_id,
    }
    deadline = clock() + timedelta(seconds=code.expires_in)
    interval = code.interval
    while True:
        sleep(interval)
        if clock() > deadline:
            raise _expired()
        try:
            response = _post(http, shop.token_endpoint, form, device, clock())
        except httpx.HTTPError:
            # RFC 8628 section 3.5: after a lost connection, ask less often.
            interval = min(interval * 2, 60.0)
            continue
        answer = read_token_answer(response, interval=interval, now=clock())
        if isinstance(answer, Tokens):
            return answer
        interval = answer.interval
