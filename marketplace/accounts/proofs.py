"""Proofs of possession (DPoP, RFC 9449): checked by drm, and each accepted once."""

from __future__ import annotations

import datetime as dt
import hashlib
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import IntegrityError, transaction

from drm.errors import DrmError
from drm.proof import PROOF_MAX_AGE, Proof, verify_proof
from marketplace.accounts.errors import InvalidProofError
from marketplace.accounts.models import UsedProof

__all__ = ["check_proof", "own_url", "spend_proof"]

# A proof is good from one age before its time to one age after; then it is too old anyway.
_KEPT_FOR = 3 * PROOF_MAX_AGE


def own_url(url: str) -> str:
    """`url` as a proof has to name it: the shop's own origin and the path, without a query.

    The Host header is the caller's to choose, so only the path is taken from the request.
    """
    origin = urlsplit(settings.SITE_URL)
    return urlunsplit((origin.scheme, origin.netloc, urlsplit(url).path, "", ""))


def check_proof(
    jws: str, *, method: str, url: str, now: dt.datetime, access_token: str | None
) -> Proof:
    """The verified proof. Raises InvalidProofError with what is wrong and what to do."""
    if not jws:
        raise InvalidProofError(
            "The DPoP header is missing; send a proof by the device's key with every request."
        )
    try:
        return verify_proof(
            jws, method=method, url=own_url(url), now=now, access_token=access_token
        )
    except DrmError as error:
        raise InvalidProofError(
            f"The DPoP proof does not fit this request ({error}); make a new one for each "
            "request, and check the clock of this machine."
        ) from error


def spend_proof(proof: Proof, *, now: dt.datetime) -> None:
    """Accept `proof` this once. Raises InvalidProofError where it was seen before.

    Call it after everything else about the proof was found good, so that strangers
    cannot fill the table.
    """
    # JSON may carry half a surrogate pair, which only surrogatepass encodes.
    name = f"{proof.thumbprint} {proof.jti}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(name).hexdigest()
    if digest.startswith("00"):  # one call in 256 sweeps
        UsedProof.objects.filter(expires_at__lt=now).delete()
    try:
        with transaction.atomic():
            UsedProof.objects.create(digest=digest, expires_at=now + _KEPT_FOR)
    except IntegrityError:
        raise InvalidProofError(
            "This DPoP proof was used before; make a new one for each request."
        ) from None
