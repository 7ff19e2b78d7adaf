"""What a seeder asks about the end of the shop: unlock documents, and the key on paper."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import Field

from marketplace.api.edge import caller
from marketplace.api.schemas import ErrorOut
from marketplace.continuity import services as continuity
from marketplace.continuity.types import RecoveryKeys

__all__ = ["router"]

_ERRORS = {frozenset({401, 403, 404, 409, 422}): ErrorOut}
_Text = Annotated[str, Field(max_length=4096)]

router = Router()


class UnlockDocumentOut(Schema):
    recipient: str
    unlock: str


class UnlockOut(Schema):
    commitment: str
    documents: list[UnlockDocumentOut]


class RecoveryKeyIn(Schema):
    identity_key: _Text
    sealing_suite: _Text
    sealing_key: _Text
    sealing_key_signature: _Text


class RecoveryKeyOut(Schema):
    recipient: str


@router.get("/unlock", response={200: UnlockOut, **_ERRORS})
def unlock(request: HttpRequest) -> UnlockOut:
    """What opens this device's purchases after the end of the shop, and not before."""
    user, device = caller(request)
    answer = continuity.unlock_documents(user=user, device=device, now=timezone.now())
    documents = [UnlockDocumentOut(recipient=name, unlock=jws) for name, jws in answer.documents]
    return UnlockOut(commitment=answer.commitment, documents=documents)


@router.put("/recovery-key", response={200: RecoveryKeyOut, **_ERRORS})
def put_recovery_key(request: HttpRequest, parts: RecoveryKeyIn) -> RecoveryKeyOut:
    """Register the public parts of the account's recovery key, in the place of an older one."""
    user, _device = caller(request)
    given = RecoveryKeys(**parts.model_dump())
    key = continuity.register_recovery_key(user=user, keys=given, now=timezone.now())
    return RecoveryKeyOut(recipient=key.thumbprint)


@router.delete("/recovery-key", response={204: None, **_ERRORS})
def delete_recovery_key(request: HttpRequest) -> Status[None]:
    """Make no more documents for the recovery key. 404 where there is none."""
    user, _device = caller(request)
    continuity.forget_recovery_key(user=user, now=timezone.now())
    return Status(204, None)
