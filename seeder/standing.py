"""How purchases and this device stand with the shop: its signed word, and nothing less.

Whoever answers at a shop's address can say that a purchase is gone, or that this device
was removed. Both are hints to ask for the signed status, which carries our nonce and a
sequence that only grows. Without it all stays as it was: silence, an error page, or a
squatter on a dead shop's domain takes nothing from anybody (docs/protocol-v1.md, 4.8).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from drm.errors import DrmError
from drm.status import Status, device_id
from seeder.config import ShopFolder, write_private
from seeder.errors import ShopError, ShopRefusedError, ShopUnreachableError
from seeder.library import LibraryItem, load_library, store_library
from seeder.papers import Papers
from seeder.trust import certified_licence, certified_status, stored_status

if TYPE_CHECKING:
    from seeder.client import ShopClient

__all__ = ["ask_licence", "device_was_removed", "refresh_library"]

NONCE_BYTES = 24


def ask_licence(
    client: ShopClient, papers: Papers, licence_id: str, *, now: datetime
) -> Status | None:
    """Ask how a licence stands; keep and return the shop's signed word.

    None where the answer is no such word: unsigned, signed by a key that the pinned root
    does not vouch for, of another question or licence, or older than the last one believed.
    Raises ShopError where there is no answer that follows the protocol.
    """
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    jws = client.status(licence_id, nonce=nonce)
    try:
        status = certified_status(
            jws,
            client.shop,
            licence_id=licence_id,
            nonce=nonce,
            now=now,
            lowest_sequence=papers.lowest_sequence(licence_id),
        )
    except DrmError:
        return None
    return papers.keep_status(jws, status)


def device_was_removed(
    client: ShopClient, folder: ShopFolder, thumbprint: str, *, now: datetime
) -> bool:
    """Whether the shop signs that this device was removed; a mere claim of it is False."""
    subject, nonce = device_id(thumbprint), secrets.token_urlsafe(NONCE_BYTES)
    try:
        jws = client.device_status(nonce=nonce)
        status = certified_status(
            jws,
            client.shop,
            licence_id=subject,
            nonce=nonce,
            now=now,
            lowest_sequence=_last_of_device(client, folder, subject),
        )
    except (ShopError, DrmError):
        return False
    write_private(folder.device_status_file, jws.encode())
    return status.status == "revoked"


def _last_of_device(client: ShopClient, folder: ShopFolder, subject: str) -> int:
    """The sequence of the last word on this device that was believed; 0 where there is none."""
    try:
        last = stored_status(folder.device_status_file.read_bytes(), client.shop)
    except (FileNotFoundError, DrmError):
        return 0
    return last.sequence if last.licence_id == subject else 0


def refresh_library(
    client: ShopClient, folder: ShopFolder, *, thumbprint: str, now: datetime
) -> tuple[LibraryItem, ...]:
    """Fetch the library, ask for the signed word on what it takes away, keep and return it.

    A purchase whose licence lies here stays until the shop signs that it has ended, whatever
    the list says or leaves out. Raises ShopError where the list itself cannot be had.
    """
    told = client.library()
    known = load_library(folder)
    before = known.items if known else ()
    papers = {
        item.package: Papers(folder, item.package, thumbprint=thumbprint, shop=client.shop)
        for item in (*told, *before)
    }
    active = {item.package for item in told if item.active}
    doubtful = [p for p in papers.values() if p.package not in active and p.stands()]
    _ask_all(client, doubtful, now=now)
    kept = {p.package for p in doubtful if p.stands()}
    items = _merge(told, before, kept=kept)
    store_library(folder, items, now=now)
    return items


def _ask_all(client: ShopClient, doubtful: Sequence[Papers], *, now: datetime) -> None:
    """Ask for each licence; an end by the first sign that the shop itself is in trouble."""
    for papers in doubtful:
        try:
            claims, _issuer = certified_licence(papers.licence() or "", client.shop)
            ask_licence(client, papers, claims.licence_id, now=now)
        except DrmError:
            continue  # a torn licence opens nothing, so there is nothing to ask about
        except ShopUnreachableError:
            return
        except ShopRefusedError as error:
            if error.status >= 500 or error.status == 429:
                return
        except ShopError:
            continue


def _merge(
    told: Sequence[LibraryItem], before: Sequence[LibraryItem], *, kept: set[str]
) -> tuple[LibraryItem, ...]:
    """What the shop told, with one active entry for each package that is kept against it."""
    own: dict[str, LibraryItem] = {}
    for item in (*before, *told):
        if item.package in kept and (item.package not in own or item.active):
            own[item.package] = replace(item, state="active")
    items: list[LibraryItem] = []
    for item in told:
        if item.package not in kept:
            items.append(item)
        elif item.package in own:
            items.append(own.pop(item.package))
    return (*items, *own.values())
