"""Receipts and claims, as a seeder hands them in."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from marketplace.accounts import services as accounts
from marketplace.api.edge import caller
from marketplace.api.schemas import ErrorOut
from marketplace.distribution import services as distribution

__all__ = ["router"]

_ERRORS = {frozenset({401, 409, 422}): ErrorOut}

router = Router()


class ReceiptsIn(Schema):
    receipts: Annotated[str, Field(max_length=256 * 1024, description="a JWS of this device")]


class ReceiptsOut(Schema):
    sequence: int
    counted: int


@router.post("/swarm/receipts", response={200: ReceiptsOut, **_ERRORS})
def receipts(request: HttpRequest, body: ReceiptsIn) -> ReceiptsOut:
    """What this device has got and sent, signed; each document continues the one before."""
    user, device = caller(request)
    taken = distribution.take_receipts(
        user=user,
        device=device,
        document=body.receipts,
        address=accounts.client_address(request),
        now=timezone.now(),
    )
    return ReceiptsOut(sequence=taken.sequence, counted=taken.counted)
