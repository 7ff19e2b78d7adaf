"""A shop as this machine knows it: its addresses, and the root key that it was pinned with.

Trust on first use: the first login stores the root key; whoever later answers at the same
address with another key is refused, unless the pinned one has signed that it follows. The
list of the shop's keys, its keyring, only ever gets newer.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from drm.encoding import from_b64u
from drm.errors import DrmError
from drm.issuer import Keyring, follow_roots, verify_issuer_certificate, verify_keyring
from drm.keys import SUITES, IdentityPublicKey
from seeder.config import ShopFolder, check_shop_url, read_json, write_json
from seeder.errors import (
    DamagedFileError,
    InsecureAddressError,
    NotLoggedInError,
    RootKeyChangedError,
    ShopAnswerError,
)

__all__ = ["Shop", "load_shop", "parse_shop", "pin_shop"]

WELL_KNOWN = "/.well-known/geobuk.json"
_NO_KEYRING = Keyring(
    sequence=0,
    issued_at=datetime.fromtimestamp(0, tz=UTC),
    issuers=(),
    certificates=(),
    retired={},
)


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop document (docs/protocol-v1.md), checked, with the address it came from."""

    site: str
    name: str
    root_key: str
    issuers: tuple[str, ...]
    api: str
    device_authorization_endpoint: str
    token_endpoint: str
    client_id: str
    websocket: str
    sealing_suite: str = SUITES[0]
    keyring: str = ""  # "" where the root has signed none
    root_changes: tuple[str, ...] = ()

    @property
    def root_public(self) -> IdentityPublicKey:
        return IdentityPublicKey.from_bytes(from_b64u(self.root_key))

    @property
    def ring(self) -> Keyring:
        """Every key that the root vouches for, and which of them are retired.

        Raises drm's errors where the keyring is not the root's.
        """
        return _ring(self.root_key, self.keyring, self.issuers)

    def certified(self) -> bool:
        """Whether the root key vouches for at least one key that signs licences."""
        return bool(self.ring.issuers)


@lru_cache(maxsize=8)
def _ring(root_key: str, jws: str, certificates: tuple[str, ...]) -> Keyring:
    root = IdentityPublicKey.from_bytes(from_b64u(root_key))
    ring = verify_keyring(jws, root_public=root) if jws else _NO_KEYRING
    listed = {certificate.kid for certificate in ring.issuers}
    found = [verify_issuer_certificate(c, root_public=root) for c in _genuine(certificates, root)]
    others = {
        certificate.kid: certificate for certificate in found if certificate.kid not in listed
    }
    # A key that the keyring has dropped still counts for what it signed in its time.
    dropped = dict.fromkeys(others, ring.issued_at) if jws else {}
    return replace(
        ring, issuers=(*ring.issuers, *others.values()), retired={**ring.retired, **dropped}
    )


def parse_shop(document: Any, *, site: str) -> Shop:
    """Check a shop document; ShopAnswerError where it is none or points elsewhere.

    Every endpoint must lie on the shop's own address: a token goes nowhere else.
    """
    try:
        shop = Shop(
            site=site,
            name=str(document["name"]),
            root_key=str(document["root_key"]),
            issuers=tuple(str(c) for c in document["issuers"]),
            api=str(document["api"]).rstrip("/"),
            device_authorization_endpoint=str(document["device_authorization_endpoint"]),
            token_endpoint=str(document["token_endpoint"]),
            client_id=str(document["client_id"]),
            websocket=str(document["websocket"]),
            sealing_suite=str(document.get("sealing_suite", SUITES[0])),
            keyring=str(document.get("keyring") or ""),
            root_changes=tuple(str(c) for c in document.get("root_changes") or ()),
        )
        certified = shop.certified()
    except (AttributeError, KeyError, TypeError, ValueError, DrmError) as error:
        raise ShopAnswerError(
            f"{site} does not answer like a Geobuk shop. Check the address."
        ) from error
    _require_own_addresses(shop)
    if not certified:
        raise ShopAnswerError(
            f"{site} names no key for licences that its own root key vouches for. "
            "Tell the people who run the shop."
        )
    return shop


def _genuine(certificates: Iterable[str], root_public: IdentityPublicKey) -> tuple[str, ...]:
    """Those that the root signed, each once."""
    found: list[str] = []
    for certificate in dict.fromkeys(certificates):
        with suppress(DrmError):
            verify_issuer_certificate(certificate, root_public=root_public)
            found.append(certificate)
    return tuple(found)


def _require_own_addresses(shop: Shop) -> None:
    """Raises ShopAnswerError unless every endpoint lies on the address it came from."""
    websocket = shop.websocket.replace("ws", "http", 1)
    for endpoint in (
        shop.api, shop.device_authorization_endpoint, shop.token_endpoint, websocket
    ):  # fmt: skip
        try:
            own = f"{urlsplit(endpoint).scheme}://{urlsplit(endpoint).netloc}"
            same = check_shop_url(own) == shop.site
        except (InsecureAddressError, ValueError) as error:
            raise ShopAnswerError(
                f"{shop.site} does not answer like a Geobuk shop. Check the address."
            ) from error
        if not same:
            raise ShopAnswerError(
                f"The shop calls itself {own}, not {shop.site}. Log in with: geobuk login {own}"
            )


def pin_shop(folder: ShopFolder, shop: Shop) -> Shop:
    """Store a shop document and return it, as it counts from now on.

    Certificates that were known stay: a document that leaves some out, as a squatter on a
    dead shop's domain may send it, makes no licence of theirs unreadable. Raises
    RootKeyChangedError where another root is pinned that has not named this one, and
    ShopAnswerError where its keyring is older than the one known; nothing is stored then.
    """
    if folder.shop_file.exists():
        known = load_shop(folder)
        if known.root_key != shop.root_key:
            _require_followed(known, shop)
        elif not shop.keyring:
            shop = replace(shop, keyring=known.keyring)
        if shop.ring.sequence < known.ring.sequence:
            raise ShopAnswerError(
                f"{shop.site} shows an older list of its keys than this machine has seen, so "
                "nothing was changed. Try again later, and tell the shop if it stays so."
            )
        shop = replace(shop, issuers=_genuine((*shop.issuers, *known.issuers), shop.root_public))
    write_json(folder.shop_file, asdict(shop))
    return shop


def _require_followed(known: Shop, shop: Shop) -> None:
    """Raises RootKeyChangedError unless the pinned root has signed the way to the new one, and
    the new one vouches for every key that it vouched for: or what was bought would not open."""
    cause: DrmError | None = None
    try:
        followed = follow_roots(shop.root_changes, pinned=known.root_public) == shop.root_public
    except DrmError as error:
        followed, cause = False, error
    kids = {certificate.kid for certificate in shop.ring.issuers}
    if not followed or not kids.issuperset(c.kid for c in known.ring.issuers):
        raise RootKeyChangedError(
            f"{shop.site} shows another root key than when this machine first logged in. "
            "Somebody may be standing between you and the shop, so nothing was sent. "
            "Ask the shop's people before you go on."
        ) from cause


def load_shop(folder: ShopFolder) -> Shop:
    """Read the pinned shop; NotLoggedInError where this machine never logged in."""
    if not folder.shop_file.exists():
        raise NotLoggedInError("This machine is not logged in to the shop. Run: geobuk login URL")
    record = read_json(folder.shop_file)
    try:
        return parse_shop(record, site=str((record or {})["site"]))
    except (KeyError, ShopAnswerError) as error:
        # A torn pin must not become a fresh trust on first use.
        raise DamagedFileError(
            f"The file that pins the shop's key is damaged ({folder.shop_file}). "
            "Put a backup of it back, or remove it and log in again."
        ) from error
