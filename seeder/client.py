"""The shop's API as the seeder calls it (docs/protocol-v1.md).

Every call carries a DPoP proof by this device's identity key (RFC 9449), so a
stolen access token alone is worth nothing. Calls that may safely run twice are
tried again when the network or the shop stumbles; the others never are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from drm.proof import create_proof
from seeder.account_devices import AccountDevices, parse_devices
from seeder.answers import UNREADABLE, bound, read_answer
from seeder.config import ShopFolder, exclusive, is_loopback, utc_now
from seeder.device import DeviceKeys, forget_login
from seeder.errors import (
    DeviceRemovedError,
    NotLoggedInError,
    ShopAnswerError,
    ShopError,
    ShopRefusedError,
    ShopUnreachableError,
)
from seeder.library import LibraryItem, parse_library
from seeder.shops import WELL_KNOWN, Shop, parse_shop, pin_shop
from seeder.standing import device_was_removed
from seeder.tokens import Tokens

__all__ = ["ShopClient", "fetch_shop", "make_http", "read_error"]

RETRIES = 3
FIRST_PAUSE = 0.5
RETRY_STATUS = frozenset({429, 502, 503, 504})
LONGEST_PAUSE = 30.0
EARLY = timedelta(seconds=30)  # renew before the shop would refuse
SKEW_WORTH_MENDING = timedelta(seconds=5)
SKEW_THAT_SHUTS_OUT = timedelta(minutes=30)  # half of what a certificate lives
LOGIN_AGAIN = "Your login at this shop has ended. Run: geobuk login {site}"


def make_http(site: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """An HTTP client for one shop: no redirects, since each could carry a token elsewhere."""
    return httpx.Client(
        transport=transport,
        follow_redirects=False,
        timeout=httpx.Timeout(30.0, connect=10.0),
        headers={
            "User-Agent": "geobuk",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        },
        event_hooks={"response": [bound]},
        # A proxy of the environment has no business with a shop on this machine.
        trust_env=not is_loopback(urlsplit(site).hostname or ""),
    )


def read_error(response: httpx.Response) -> tuple[str, str]:
    """Code and sentence of a refusal; ours where the shop gave none."""
    with suppress(ShopAnswerError):
        body = read_answer(response)
        if isinstance(body, dict):
            code = body.get("code") or body.get("error")
            message = body.get("message") or body.get("error_description")
            if isinstance(code, str) and isinstance(message, str):
                return code, message
            if isinstance(code, str):
                return code, f"The shop refused: {code}."
    return (
        f"http_{response.status_code}",
        f"The shop answered with status {response.status_code}. Try again in a few minutes.",
    )


def fetch_shop(site: str, *, http: httpx.Client) -> Shop:
    """GET the shop document of an address."""
    try:
        response = http.get(site + WELL_KNOWN)
    except httpx.HTTPError as error:
        raise _unreachable(site) from error
    if response.is_redirect:
        raise ShopAnswerError(_sent_on(site, response.headers.get("Location", "")))
    if response.status_code != 200:
        raise ShopAnswerError(f"{site} does not answer like a Geobuk shop. Check the address.")
    try:
        document = read_answer(response)
    except ShopAnswerError:
        document = None
    return parse_shop(document, site=site)


def _sent_on(site: str, location: str) -> str:
    try:
        target = urlsplit(location)
    except ValueError:
        target = urlsplit("")
    if not target.netloc:
        return f"{site} is not a Geobuk shop. Check the address."
    return (
        f"{site} sends on to {target.netloc}. "
        f"Log in with the shop's own address: geobuk login {target.scheme}://{target.netloc}"
    )


def _unreachable(site: str) -> ShopUnreachableError:
    return ShopUnreachableError(
        f"The shop at {site} cannot be reached. Check the address and your connection, and "
        "try again."
    )


class ShopClient:
    """Calls of one device at one shop. Threads may share it."""

    def __init__(
        self,
        shop: Shop,
        folder: ShopFolder,
        device: DeviceKeys,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.shop = shop
        self._folder = folder
        self._device = device
        self._http = make_http(shop.site, transport)
        self._clock = clock
        self._sleep = sleep
        self._skew = timedelta(0)
        self._lock = threading.Lock()
        self._tokens = Tokens.load(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def closed(self) -> bool:
        return self._http.is_closed

    @property
    def clock_note(self) -> str:
        """A sentence where this machine's clock is so wrong that peers take its certificates
        for old, or not yet good: they judge by their own clocks, and its own by this one."""
        if abs(self._skew) < SKEW_THAT_SHUTS_OUT:
            return ""
        minutes = abs(self._skew) // timedelta(minutes=1)
        return (
            f"This machine's clock differs from the shop's by {minutes} minutes, so other machines "
            "may refuse it and downloads may stand still. Set it right, and start again."
        )

    def renew_shop(self) -> None:
        """Read the shop document again: whoever runs for months learns of new keys by it.

        What is pinned counts as at the login. Raises RootKeyChangedError; any other answer
        that is none leaves all as it was.
        """
        try:
            self.shop = pin_shop(self._folder, fetch_shop(self.shop.site, http=self._http))
        except (ShopUnreachableError, ShopAnswerError):
            return

    # What the shop offers -------------------------------------------------

    def me(self) -> dict[str, Any]:
        return self.ask("GET", "/me")

    def forget_device(self) -> None:
        """Tell the shop that this device is to be removed."""
        self._call("DELETE", "/device")

    def devices(self) -> AccountDevices:
        """The account's devices and its limits."""
        return parse_devices(self.ask("GET", "/devices"))

    def remove_device(self, device_id: str) -> None:
        """Take a device off the account, this one or another."""
        self._call("DELETE", f"/devices/{device_id}")

    def library(self) -> tuple[LibraryItem, ...]:
        return parse_library(self.ask("GET", "/library"))

    def manifest(self, package: str) -> str:
        return self._call("GET", f"/packages/{package}/manifest").text

    def torrent(self, package: str) -> bytes:
        return self._call("GET", f"/packages/{package}/torrent").content

    def licence(self, package: str) -> str:
        """Ask for this device's licence of a package; the JWS."""
        return self._text_of("POST", f"/packages/{package}/licence", "licence")

    def status(self, licence_id: str, *, nonce: str) -> str:
        """The signed status of a licence, bound to a fresh nonce; the JWS."""
        path = f"/licences/{licence_id}/status?nonce={nonce}"
        return self._text_of("GET", path, "status", proof_only=True)

    def device_status(self, *, nonce: str) -> str:
        """The signed word on this device, bound to a fresh nonce; the JWS."""
        path = f"/device/status?nonce={nonce}"
        return self._text_of("GET", path, "status", proof_only=True)

    def put_progress(self, items: Sequence[Mapping[str, Any]]) -> None:
        self._call("PUT", "/progress", json={"items": list(items)})

    def websocket_handshake(self) -> tuple[str, dict[str, str]]:
        """Address and headers of the event socket; the proof names its http form."""
        access = self._fresh_tokens().access
        url = self.shop.websocket
        return url, self._headers("GET", url.replace("ws", "http", 1), access)

    # How it is asked ------------------------------------------------------

    def ask(
        self, method: str, path: str, *, json: Any = None, proof_only: bool = False
    ) -> dict[str, Any]:
        """One call of the API at `path` below its address; the JSON object of the answer.

        An answer without a body (204) is {}. `proof_only` sends the proof of this device's
        key and no token, as where a removed device may still ask (docs/protocol-v1.md, 4.8).
        Raises ShopAnswerError, ShopRefusedError, ShopUnreachableError, NotLoggedInError,
        DeviceRemovedError.
        """
        response = self._call(method, path, json=json, proof_only=proof_only)
        if response.status_code == 204:
            return {}
        value = read_answer(response)
        if not isinstance(value, dict):
            raise ShopAnswerError(UNREADABLE)
        return value

    def _text_of(self, method: str, path: str, key: str, *, proof_only: bool = False) -> str:
        value = self.ask(method, path, proof_only=proof_only).get(key)
        if not isinstance(value, str):
            raise ShopAnswerError(f"The shop's answer lacks its {key}. Try again later.")
        return value

    def _call(
        self, method: str, path: str, *, json: Any = None, proof_only: bool = False
    ) -> httpx.Response:
        """One call that succeeds; renews the tokens or mends the clock once where that helps."""
        url = self.shop.api + path
        access = None if proof_only else self._fresh_tokens().access
        response = self._send(method, url, access, json)
        if response.status_code == 401:
            code, _message = read_error(response)
            if code == "invalid_token" and access is not None:
                access = self._renew(access).access
                response = self._send(method, url, access, json)
            elif code == "invalid_proof" and self._mend_clock(response):
                response = self._send(method, url, access, json)
        if response.is_success:
            return response
        raise self._refusal(response, proof_only=proof_only)

    def _refusal(self, response: httpx.Response, *, proof_only: bool = False) -> Exception:
        code, message = read_error(response)
        if response.status_code == 401 and code == "device_removed" and not proof_only:
            return self._removal()
        if response.status_code == 401 and code == "invalid_token":
            return NotLoggedInError(LOGIN_AGAIN.format(site=self.shop.site))
        return ShopRefusedError(message, code=code, status=response.status_code)

    def _removal(self) -> ShopError:
        """What a claim that this device was removed comes to: the signed word alone counts."""
        thumbprint = self._device.thumbprint
        if device_was_removed(self, self._folder, thumbprint, now=self._clock()):
            # Whoever took this device off the account means that it opens nothing more.
            forget_login(self._folder)
            return DeviceRemovedError(
                "This device was removed from your account. "
                f"To use it again, run: geobuk login {self.shop.site}"
            )
        return ShopAnswerError(
            f"{self.shop.site} says that this device was removed from your account, but gives no "
            "proof of it by the shop's key, so nothing was changed here: what is on this machine "
            "still plays. See the devices page of your account, and try again later."
        )

    def _headers(self, method: str, url: str, access: str | None) -> dict[str, str]:
        bare = url.partition("?")[0]  # RFC 9449 section 4.2: htu has no query
        proof = create_proof(
            self._device.identity,
            method=method,
            url=bare,
            now=self._clock() + self._skew,
            access_token=access,
            nonce=None,
        )
        headers = {"DPoP": proof}
        if access is not None:
            headers["Authorization"] = f"DPoP {access}"
        return headers

    def _send(self, method: str, url: str, access: str | None, json: Any) -> httpx.Response:
        """Send with a fresh proof each time; repeat only what may run twice (RFC 9110 §9.2.2)."""
        repeatable = method in {"GET", "PUT", "DELETE"}
        pause = FIRST_PAUSE
        for attempt in range(RETRIES + 1):
            last = attempt == RETRIES or not repeatable
            try:
                response = self._http.request(
                    method, url, json=json, headers=self._headers(method, url, access)
                )
            except httpx.HTTPError as error:
                # A connection that never stood carried nothing: any call may try again.
                never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if attempt == RETRIES or (not repeatable and not never_sent):
                    raise _unreachable(self.shop.site) from error
            else:
                if last or response.status_code not in RETRY_STATUS:
                    return response
                pause = max(pause, _retry_after(response))
            self._sleep(min(pause, LONGEST_PAUSE))
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _mend_clock(self, response: httpx.Response) -> bool:
        """Follow the shop's clock where ours is off; proofs live for a minute only."""
        try:
            theirs = parsedate_to_datetime(response.headers["Date"])
            skew = theirs - self._clock()
        except (KeyError, TypeError, ValueError):  # TypeError: a time without its zone
            return False
        if abs(skew - self._skew) < SKEW_WORTH_MENDING:
            return False
        self._skew = skew
        return True

    def _fresh_tokens(self) -> Tokens:
        tokens = self._tokens
        if tokens.expires_at - EARLY <= self._clock():
            return self._renew(tokens.access)
        return tokens

    def _renew(self, stale: str) -> Tokens:
        """Trade the refresh token; one process at a time, since it may be used once only."""
        with self._lock, exclusive(self._folder.tokens_lock):
            current = Tokens.load(self._folder)
            if current.access != stale:  # another process was faster
                self._tokens = current
                return current
            self._tokens = self._trade(current)
            self._tokens.store(self._folder)
            return self._tokens

    def _trade(self, tokens: Tokens) -> Tokens:
        url = self.shop.token_endpoint
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh,
            "client_id": self.shop.client_id,
        }
        response = self._ask_for_tokens(url, form)
        if not response.is_success:
            code, _message = read_error(response)
            if code == "invalid_dpop_proof" and self._mend_clock(response):
                response = self._ask_for_tokens(url, form)
        if response.is_success:
            answer = read_answer(response)
            return Tokens.from_answer(answer, now=self._clock(), refresh=tokens.refresh)
        if read_error(response)[0] == "invalid_grant":
            raise NotLoggedInError(LOGIN_AGAIN.format(site=self.shop.site))
        raise self._refusal(response)

    def _ask_for_tokens(self, url: str, form: dict[str, str]) -> httpx.Response:
        try:
            return self._http.post(url, data=form, headers=self._headers("POST", url, None))
        except httpx.HTTPError as error:
            raise _unreachable(self.shop.site) from error


def _retry_after(response: httpx.Response) -> float:
    """Seconds of a Retry-After header; dates are not worth parsing here."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0
