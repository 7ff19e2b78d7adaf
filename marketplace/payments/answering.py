"""What the shop says in a dispute: gathered bit by bit, handed in once.

The answer is fixed before Stripe is asked, so an answer that got lost on the way is asked
for again with the same words and the same key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from marketplace.core.text import clean_line
from marketplace.payments import gateway_disputes
from marketplace.payments.dispute_models import Answer, Dispute, EvidenceFile
from marketplace.payments.disputes import lock_dispute
from marketplace.payments.errors import (
    DisputeClosedError,
    EvidenceInvalidError,
    EvidenceRefusedError,
    PaymentsUnavailableError,
)

__all__ = [
    "LARGEST_FILES",
    "LONGEST_TEXT",
    "add_evidence_file",
    "hand_in_answer",
    "may_answer",
    "remove_evidence_file",
    "save_answer",
    "sniff",
]

LARGEST_FILES = 4_500_000  # bytes, all files of an answer together: Stripe's limit
LONGEST_TEXT = 20_000  # characters of one text: Stripe's limit
LONGEST_TEXTS = 150_000  # of all texts
_KINDS = [
    (b"%PDF-", "application/pdf", ".pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
]
_ANSWERABLE = (
    Dispute.Status.NEEDS_RESPONSE,
    Dispute.Status.WARNING_NEEDS_RESPONSE,
)
_State = Answer.State


def may_answer(dispute: Dispute, *, now: dt.datetime) -> bool:
    """Whether the bank still waits for the shop's answer."""
    answer = Answer.objects.filter(dispute=dispute).first()
    sent = answer is not None and answer.state == _State.SENT
    open_still = dispute.due_by is not None and now < dispute.due_by
    return dispute.status in _ANSWERABLE and open_still and not sent


def sniff(content: bytes) -> tuple[str, str]:
    """Media type and ending of a file by its first bytes, whatever it is called.

    Raises EvidenceInvalidError for anything but a PDF, a PNG or a JPEG.
    """
    for magic, media_type, ending in _KINDS:
        if content.startswith(magic):
            return media_type, ending
    raise EvidenceInvalidError(
        _("This file is neither a PDF nor a picture (PNG, JPEG). Save it as one of them.")
    )


@transaction.atomic
def save_answer(
    *, dispute_id: uuid.UUID, texts: Mapping[str, str], by: uuid.UUID, now: dt.datetime
) -> Answer:
    """Keep what is written so far. Raises DisputeClosedError, EvidenceInvalidError."""
    return _write(_open(dispute_id, now=now), texts, by=by)


def _write(dispute: Dispute, texts: Mapping[str, str], *, by: uuid.UUID) -> Answer:
    if any(len(text) > LONGEST_TEXT for text in texts.values()):
        raise EvidenceInvalidError(_("A text may have at most 20,000 characters. Shorten it."))
    if sum(map(len, texts.values())) > LONGEST_TEXTS:
        raise EvidenceInvalidError(_("All texts together may have at most 150,000 characters."))
    answer, _created = Answer.objects.get_or_create(dispute=dispute, defaults={"written_by": by})
    answer.texts = {name: text for name, text in texts.items() if text.strip()}
    answer.written_by = by
    answer.save(update_fields=["texts", "written_by"])
    return answer


def add_evidence_file(
    *,
    dispute_id: uuid.UUID,
    slot: str,
    name: str,
    content: bytes,
    by: uuid.UUID,
    now: dt.datetime,
) -> EvidenceFile:
    """Keep a file at Stripe for the answer; it takes the place of one that shows the same.

    `slot` is one of EvidenceFile.Slot. Raises DisputeClosedError, EvidenceInvalidError,
    EvidenceRefusedError, PaymentsUnavailableError; then nothing was kept.
    """
    file = _intend(dispute_id, slot, name, content, by=by, now=now)
    try:
        stripe_id = gateway_disputes.upload_evidence(
            file_id=file.pk, name=file.name, content=content
        )
    except (EvidenceRefusedError, PaymentsUnavailableError):
        file.delete()
        raise
    with transaction.atomic():
        dispute = _open(dispute_id, now=now)
        _kept(dispute).filter(slot=slot).delete()
        file.stripe_id = stripe_id
        file.save(update_fields=["stripe_id"])
    return file


def _kept(dispute: Dispute) -> QuerySet[EvidenceFile]:
    """The files that Stripe has; a row without its id is an upload that never ended."""
    return dispute.files.exclude(stripe_id="")


@transaction.atomic
def _intend(
    dispute_id: uuid.UUID,
    slot: str,
    name: str,
    content: bytes,
    *,
    by: uuid.UUID,
    now: dt.datetime,
) -> EvidenceFile:
    dispute = _open(dispute_id, now=now)
    media_type, ending = sniff(content)
    others = _kept(dispute).exclude(slot=slot)
    if sum(file.size for file in others) + len(content) > LARGEST_FILES:
        raise EvidenceInvalidError(
            _("All files together may have at most 4.5 MB. Remove one, or make it smaller.")
        )
    stem = clean_line(name.replace("\\", "/").rpartition("/")[2]).rpartition(".")
    return EvidenceFile.objects.create(
        dispute=dispute,
        slot=slot,
        name=(stem[0] or stem[2] or "evidence")[:110] + ending,
        media_type=media_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        added_by=by,
    )


@transaction.atomic
def remove_evidence_file(*, dispute_id: uuid.UUID, slot: str, now: dt.datetime) -> None:
    """Leave a file out of the answer. Raises DisputeClosedError."""
    _open(dispute_id, now=now).files.filter(slot=slot).delete()


def hand_in_answer(
    *,
    dispute_id: uuid.UUID,
    texts: Mapping[str, str],
    facts: Mapping[str, str],
    by: uuid.UUID,
    now: dt.datetime,
) -> Answer:
    """Send the answer to the bank, with what the shop knows by itself (`facts`). Once.

    Pressed again while Stripe has not confirmed it, the same answer is sent, whatever `texts`
    say by then. Raises DisputeClosedError, EvidenceInvalidError where nothing is said,
    EvidenceRefusedError (it can be changed and handed in again), PaymentsUnavailableError
    (it is fixed; asking again is safe).
    """
    answer = _fix(dispute_id, texts, facts, by=by, now=now)
    dispute = answer.dispute
    files = {file.slot: file.stripe_id for file in _kept(dispute)}
    try:
        gateway_disputes.submit_evidence(
            key=f"{answer.pk}-{answer.attempt}",
            dispute_id=dispute.stripe_id,
            evidence={**answer.texts, **files},
        )
    except EvidenceRefusedError:
        Answer.objects.filter(pk=answer.pk, state=_State.SENDING).update(
            state=_State.DRAFT, attempt=F("attempt") + 1
        )
        raise
    Answer.objects.filter(pk=answer.pk, state=_State.SENDING).update(state=_State.SENT, sent_at=now)
    answer.refresh_from_db()
    return answer


@transaction.atomic
def _fix(
    dispute_id: uuid.UUID,
    texts: Mapping[str, str],
    facts: Mapping[str, str],
    *,
    by: uuid.UUID,
    now: dt.datetime,
) -> Answer:
    dispute = lock_dispute(dispute_id)
    answer = Answer.objects.filter(dispute=dispute, state=_State.SENDING).first()
    if answer is not None:
        return answer
    answer = _write(_open(dispute_id, now=now), texts, by=by)
    if not (answer.texts or _kept(dispute).exists()):
        raise EvidenceInvalidError(
            _("Write something, or add a file, before you hand the answer in.")
        )
    answer.texts = {**{name: text for name, text in facts.items() if text}, **answer.texts}
    answer.state = _State.SENDING
    answer.save(update_fields=["texts", "state"])
    return answer


def _open(dispute_id: uuid.UUID, *, now: dt.datetime) -> Dispute:
    """The dispute, locked, if its answer can still be changed. Raises DisputeClosedError."""
    dispute = lock_dispute(dispute_id)
    answer = Answer.objects.filter(dispute=dispute).first()
    if answer is not None and answer.state != _State.DRAFT:
        raise DisputeClosedError(
            _("The answer was handed in already; a bank takes one alone. Now the bank decides.")
        )
    if not may_answer(dispute, now=now):
        raise DisputeClosedError(
            _("The bank takes no answer to this dispute any more: it is decided, or too late.")
        )
    return dispute
