"""The shop's audit log as this device sees it: that it names a licence, and that it only grew.

The last head that was verified is remembered. A later one that does not continue it is
evidence that the shop rewrote its log, and is kept beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from drm.audit import Head, LogProof, verify_checkpoint, verify_consistency, verify_head
from drm.encoding import from_b64u
from drm.errors import AuthenticationError, DrmError
from seeder.client import ShopClient
from seeder.config import ShopFolder, read_json, write_json
from seeder.errors import LogRewrittenError, ShopAnswerError, ShopError, ShopRefusedError
from seeder.shops import Shop

__all__ = ["LicenceProofs", "LogView", "LogWatch", "Shown", "check_log", "fetch_proofs", "prove"]


@dataclass(frozen=True, slots=True)
class LicenceProofs:
    """That the log names a licence: under the latest head, and under a checkpoint if one has it."""

    head: LogProof
    checkpoint: LogProof | None


@dataclass(frozen=True, slots=True)
class LogView:
    """The log as it was verified now: its head, the checkpoint, and the head seen before."""

    head: Head
    checkpoint: Head | None
    before: Head | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown of one licence."""

    index: int
    log: LogView
    under_root: LogProof | None


def fetch_proofs(client: ShopClient, licence_id: str) -> LicenceProofs:
    """Ask for the proofs of this device's licence; nothing is verified yet. Raises ShopError."""
    answer = client.ask("GET", f"/licences/{licence_id}/proof")
    try:
        under = answer.get("checkpoint")
        return LicenceProofs(
            head=LogProof.from_json(_object(answer["proof"])),
            checkpoint=None if under is None else LogProof.from_json(_object(under)),
        )
    except (KeyError, DrmError) as error:
        raise _unreadable() from error


def prove(client: ShopClient, shop: Shop, folder: ShopFolder, licence: str, *, id_: str) -> Shown:
    """Check that the shop's log names `licence` (its JWS), and that the log only grew.

    Raises LogRewrittenError where it did not, ShopAnswerError where a proof does not hold,
    ShopRefusedError (proof_not_ready) where no head covers the licence yet.
    """
    log = check_log(client, shop, folder)
    proofs = fetch_proofs(client, id_)
    try:
        issuer = shop.ring.certificate(proofs.head.head)
        head = proofs.head.verify(licence, issuer_public=issuer.public)
        issuer.require_issued_within(head.issued_at)
        if proofs.checkpoint is not None:
            proofs.checkpoint.verify_checkpoint(licence, root_public=shop.root_public)
    except DrmError as error:
        raise ShopAnswerError(f"The shop's proof does not hold. {error}") from error
    if (head.tree_size, head.root) != (log.head.tree_size, log.head.root):
        raise ShopAnswerError(
            "The shop's proof is of another head than the log shows to everybody. Try again in "
            "a minute, and if it stays so, tell others who buy there."
        )
    return Shown(proofs.head.index, log, proofs.checkpoint)


def check_log(client: ShopClient, shop: Shop, folder: ShopFolder) -> LogView:
    """Fetch the latest head, check that it continues the one seen before, and remember it.

    Raises LogRewrittenError, with both heads kept, where it does not; ShopError.
    """
    file = folder.path / "log.json"
    seen, before = _remembered(file, shop)
    query = "" if before is None else f"?from={before.tree_size}"
    try:
        answer = client.ask("GET", f"/audit/head{query}")
    except ShopRefusedError as error:
        if error.status == 404 and before is not None:
            raise _rewritten(folder, seen, "") from error
        raise
    latest = answer.get("head")
    if not isinstance(latest, str):
        if before is not None:
            raise _rewritten(folder, seen, "")
        raise ShopRefusedError(
            "The shop has not signed its log yet. Ask again tomorrow.",
            code="proof_not_ready",
            status=404,
        )
    try:
        head, checkpoint = _verified(answer, latest, shop)
    except DrmError as error:
        raise ShopAnswerError(f"The head of the shop's log does not hold. {error}") from error
    if before is not None:
        try:
            _require_growth(before, head, answer.get("consistency"))
        except DrmError as error:
            raise _rewritten(folder, seen, latest) from error
    write_json(file, {"head": latest})
    return LogView(head, checkpoint, before)


class LogWatch:
    """Looks at the log of a shop once a day, for whoever runs for months."""

    def __init__(
        self, client: ShopClient, folder: ShopFolder, *, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._folder = folder
        self._clock = clock
        self._next = clock()
        self.note = ""  # the sentence where the log was rewritten

    def look(self) -> None:
        """Check the log where it is time to; what goes wrong on the way is no news of the log."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + timedelta(days=1)
        try:
            check_log(self._client, self._client.shop, self._folder)
        except LogRewrittenError as error:
            self.note = str(error)
        except ShopError:
            return


def _verified(answer: dict[str, Any], latest: str, shop: Shop) -> tuple[Head, Head | None]:
    issuer = shop.ring.certificate(latest)
    head = verify_head(latest, issuer_public=issuer.public)
    issuer.require_issued_within(head.issued_at)
    signed = answer.get("checkpoint")
    if not isinstance(signed, str):
        return head, None
    checkpoint = verify_checkpoint(signed, root_public=shop.root_public)
    if checkpoint.tree_size <= head.tree_size:
        _require_growth(checkpoint, head, answer.get("checkpoint_consistency"))
    return head, checkpoint


def _require_growth(old: Head, new: Head, path: Any) -> None:
    if not isinstance(path, list):
        raise AuthenticationError("The shop does not show that its log only grew.")
    verify_consistency(
        old_size=old.tree_size,
        old_root=old.root,
        new_size=new.tree_size,
        new_root=new.root,
        path=[from_b64u(sibling) for sibling in path],
    )


def _remembered(file: Path, shop: Shop) -> tuple[str, Head | None]:
    """The head seen before and what it says; ("", None) where there is none that holds."""
    seen = (read_json(file) or {}).get("head")
    if not isinstance(seen, str):
        return "", None
    try:
        public = shop.ring.certificate(seen).public
        return seen, verify_head(seen, issuer_public=public)
    except DrmError:
        return "", None


def _rewritten(folder: ShopFolder, seen: str, shown: str) -> LogRewrittenError:
    name = hashlib.sha256(seen.encode()).hexdigest()[:8]
    evidence = folder.path / f"log-evidence-{name}.json"
    if not evidence.exists():  # what was shown first is worth most
        write_json(evidence, {"seen": seen, "shown": shown})
    return LogRewrittenError(
        "The shop's log is no continuation of the one that this machine saw before: something "
        f"in it was changed or taken out. What was signed both times is kept in {evidence}. "
        "Ask the shop's people, and show it to others."
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable()
    return value


def _unreadable() -> ShopAnswerError:
    return ShopAnswerError("The shop's proof cannot be read. Try again later.")
