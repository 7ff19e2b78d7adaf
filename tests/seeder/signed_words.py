"""What the fake shop signs of licences and devices, each word with a sequence."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from drm.encoding import from_b64u
from drm.keys import IdentityKey, IdentityPublicKey
from drm.status import Status, device_id, sign_status
from seeder.cli.seat import Seat
from seeder.trust import stored_status

if TYPE_CHECKING:
    from tests.seeder.shop import FakePackage


class SignedWords:
    """The part of FakeShop that refunds, and signs what stands."""

    issuer: IdentityKey
    device_sequence: int = 1

    def now(self) -> datetime:
        raise NotImplementedError

    def refund(self, package: FakePackage, message: str = "The order was refunded.") -> None:
        """Take a purchase back, in the library and in what is signed."""
        package.state = package.status = "revoked"
        package.message = message
        package.sequence += 1

    def restore(self, package: FakePackage) -> None:
        """Give back what was refunded."""
        package.state = package.status = "active"
        package.message = ""
        package.sequence += 1

    def sign_word(self, subject: str, *, nonce: str, **changes: Any) -> str:
        """A status of a licence or of a device, as a JWS."""
        word: dict[str, Any] = {"issuer": self.issuer, "status": "active", "message": ""}
        word |= {"now": self.now(), "updated": self.now(), "sequence": 1, **changes}
        return sign_status(
            licence_id=subject, kid=word["issuer"].public.thumbprint, nonce=nonce, **word
        )

    def word_on(self, package: FakePackage, *, nonce: str = "n" * 24, **changes: Any) -> str:
        """What is signed of a package's licence now, or what `changes` make of it."""
        word: dict[str, Any] = {"status": package.status, "message": package.message}
        word |= {"sequence": package.sequence, **changes}
        return self.sign_word(word.pop("subject", package.licence_id), nonce=nonce, **word)

    def word_on_device(self, thumbprint: str, *, nonce: str, removed: bool, **changes: Any) -> str:
        """What is signed of a device."""
        word: dict[str, Any] = {"sequence": self.device_sequence}
        if removed:
            word |= {"status": "revoked", "reason": "device_removed"}
        return self.sign_word(device_id(thumbprint), nonce=nonce, **{**word, **changes})


def hear(seat: Seat, jws: str, package: FakePackage) -> Status:
    """Give this machine a word of the shop, as if it had just asked for it."""
    return seat.papers(package.id).keep_status(jws, stored_status(jws, seat.shop))


def asker(proof: str) -> str:
    """The thumbprint of the key that signed a proof, taken from it unchecked."""
    header = json.loads(from_b64u(proof.partition(".")[0]))
    return IdentityPublicKey.from_jwk(header["jwk"]).thumbprint
