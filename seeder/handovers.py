"""Giving licences back when their owner lends, gives or passes on what this device holds.

    request (signed by the shop, over our nonce) ─► word on disk ─► licence and lease deleted
      ─► word to the shop ─► the shop's signed status kept ─► word forgotten

The owner has confirmed it on the shop's page; nothing is asked here again. Cut short
anywhere, either the licence or a word to send again is left, never neither. An unsigned
request deletes nothing, so nobody in the shop's place talks a device out of its licence.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from drm.errors import DrmError
from drm.surrender import SurrenderRequest, sign_surrender
from seeder.client import ShopClient
from seeder.config import ShopFolder, is_package_id, read_json, write_json
from seeder.device import DeviceKeys
from seeder.errors import ShopAnswerError, ShopRefusedError
from seeder.leases import Leases
from seeder.papers import Papers
from seeder.standing import ask_licence
from seeder.trust import certified_licence, certified_surrender_request

__all__ = ["Word", "give_back", "pending_words", "waiting_requests"]

# What ends a word: the shop needs it no more, or has never asked for it.
_FINAL = frozenset({"handover_closed", "handover_not_found", "surrender_refused"})


@dataclass(frozen=True, slots=True)
class Word:
    """This device's signed word that a licence is deleted, until the shop has it."""

    handover: str
    kind: str
    package: str
    licence: str
    surrender: str


def waiting_requests(
    client: ShopClient, device: DeviceKeys, *, now: datetime
) -> tuple[SurrenderRequest, ...]:
    """What the owner asks this device to give back, in requests that the shop has signed.

    What is not signed for this device and this question is left out. Raises ShopError.
    """
    nonce = secrets.token_urlsafe(24)
    # By its key alone: a device that was removed lets go, too, before it hears of that.
    answer = client.ask("GET", f"/handovers?nonce={nonce}", proof_only=True)
    listed = answer.get("handovers")
    if not isinstance(listed, list):
        raise ShopAnswerError("The shop's list of handovers cannot be read. Try again later.")
    found = []
    for entry in listed:
        document = entry.get("request") if isinstance(entry, dict) else None
        if isinstance(document, str):
            with suppress(DrmError):
                found.append(
                    certified_surrender_request(
                        document, client.shop, device=device.thumbprint, nonce=nonce, now=now
                    )
                )
    return tuple(found)


def pending_words(folder: ShopFolder) -> tuple[Word, ...]:
    """Words that the shop may not have yet."""
    found = []
    for path in sorted(_words(folder).glob("*.json")):
        record = read_json(path) or {}
        with suppress(TypeError):  # a torn file; its licence is asked for again
            found.append(Word(**record))
    return tuple(found)


def give_back(
    client: ShopClient, folder: ShopFolder, device: DeviceKeys, *, clock: Callable[[], datetime]
) -> int:
    """Give back what is asked for, and send again what was not heard. Returns how many went.

    Raises ShopUnreachableError, NotLoggedInError, DeviceRemovedError; a shop that refuses or
    babbles takes nothing, and is asked again at the next look.
    """
    sent = 0
    with suppress(ShopAnswerError, ShopRefusedError):
        for word in pending_words(folder):
            sent += _send(client, folder, device, word, clock=clock)
        for request in waiting_requests(client, device, now=clock()):
            if not is_package_id(request.package_id):
                continue
            word = _sign(device, request, now=clock())
            # On disk before the licence goes: a crash in between sends it all the same.
            write_json(_file(folder, word), asdict(word))
            sent += _send(client, folder, device, word, clock=clock)
    return sent


def _sign(device: DeviceKeys, request: SurrenderRequest, *, now: datetime) -> Word:
    surrender = sign_surrender(
        identity=device.identity,
        licence_id=request.licence_id,
        licence_hash=request.licence_hash,
        handover_id=request.handover_id,
        now=now,
    )
    return Word(
        handover=request.handover_id,
        kind=request.kind,
        package=request.package_id,
        licence=request.licence_id,
        surrender=surrender,
    )


def _send(
    client: ShopClient,
    folder: ShopFolder,
    device: DeviceKeys,
    word: Word,
    *,
    clock: Callable[[], datetime],
) -> bool:
    """Delete, then say so; whether the shop has taken the word."""
    papers = Papers(folder, word.package, thumbprint=device.thumbprint, shop=client.shop)
    deleted = _delete(client, folder, device, papers, word, clock=clock)
    try:
        body = {"surrender": word.surrender}
        path = f"/handovers/{word.handover}/surrender"
        client.ask("POST", path, json=body, proof_only=True)
    except ShopRefusedError as error:
        if error.code in _FINAL:
            _file(folder, word).unlink(missing_ok=True)
            return False
        raise
    if deleted:
        # Its signed word on the licence keeps the item shut offline, and says why.
        ask_licence(client, papers, word.licence, now=clock())
    _file(folder, word).unlink(missing_ok=True)
    return True


def _delete(
    client: ShopClient,
    folder: ShopFolder,
    device: DeviceKeys,
    papers: Papers,
    word: Word,
    *,
    clock: Callable[[], datetime],
) -> bool:
    """Delete the licence that was asked for. False where one of another purchase is held, which
    stays."""
    held = papers.licence()
    if held is not None:
        try:
            claims, _issuer = certified_licence(held, client.shop)
        except DrmError:
            pass  # nobody signed it: it opens nothing, and goes
        else:
            if claims.licence_id != word.licence:
                return False
    papers.licence_file.unlink(missing_ok=True)
    Leases(client.shop, folder, device, clock=clock).drop(word.package)
    return True


def _words(folder: ShopFolder) -> Path:
    return folder.path / "surrenders"


def _file(folder: ShopFolder, word: Word) -> Path:
    # The shop chose the ids, so they do not become a file's name.
    name = hashlib.sha256(f"{word.handover}/{word.licence}".encode()).hexdigest()[:32]
    return _words(folder) / f"{name}.json"
