"""The audit log, as a seeder and everybody else may check it."""

from __future__ import annotations

import uuid

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from marketplace.api.edge import caller
from marketplace.api.schemas import ErrorOut
from marketplace.licensing import services as licensing

__all__ = ["router"]

_ERRORS = {frozenset({401, 403, 404, 409, 422}): ErrorOut}

router = Router()


class LogProofOut(Schema):
    entry: str
    index: int
    path: list[str]
    head: str


class ProofOut(Schema):
    proof: LogProofOut
    checkpoint: LogProofOut | None


class LogHeadIn(Schema):
    since: int | None = Field(None, alias="from", ge=1, lt=2**53)


class LogHeadOut(Schema):
    head: str | None
    checkpoint: str | None
    consistency: list[str] | None
    checkpoint_consistency: list[str] | None


@router.get("/licences/{licence_id}/proof", response={200: ProofOut, **_ERRORS})
def licence_proof(request: HttpRequest, licence_id: uuid.UUID) -> ProofOut:
    """That the audit log names this device's licence, under a signed head."""
    user, device = caller(request)
    proof, under = licensing.audit_proofs(user=user, device=device, licence_id=licence_id)
    return ProofOut(
        proof=LogProofOut(**proof.to_json()),
        checkpoint=None if under is None else LogProofOut(**under.to_json()),
    )


@router.get("/audit/head", response={200: LogHeadOut, **_ERRORS}, auth=None)
def audit_head(request: HttpRequest, asked: Query[LogHeadIn]) -> LogHeadOut:
    """The latest signed head of the log, for everybody, and that it only grew since `from`."""
    return LogHeadOut(**licensing.public_head(since=asked.since))
