"""The recovery key: a device that is only a sheet of paper (docs/format-v1.md, section 17.4).

A buyer prints the code and keeps it. Its public parts are registered at the shop, which makes
unlock documents for it as for a device; the code itself never leaves the buyer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.encoding import from_b64u
from drm.errors import FormatError
from drm.keys import (
    KEY_SIZE,
    SUITE_X25519,
    IdentityKey,
    IdentityPublicKey,
    SealingKey,
    _Secret,
)

__all__ = ["GROUPS", "GROUP_SIZE", "RecoveryKey", "root_hint"]

IDENTITY_LABEL: Final = b"geobuk-recovery-identity-v1"
SEALING_LABEL: Final = b"geobuk-recovery-sealing-v1"
CHECK_LABEL: Final = b"geobuk-recovery-code-v1"
# Section 17.4: Crockford's alphabet, which has no I, L, O and U.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS: Final = 12
GROUP_SIZE: Final = 6  # five characters and their check
HINT_SIZE: Final = 5  # bytes of the root's thumbprint
_FOLD: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN: Final = re.compile(r"[\s\-–—_.,:;/|]+")
_VALUE: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_POLYNOMIAL: Final = 0x25  # x^5 + x^2 + 1, over which GF(32) has x as a generator


class RecoveryKey(_Secret):
    """32 random bytes that a person keeps on paper."""

    __slots__ = ()

    @property
    def identity(self) -> IdentityKey:
        """The key by which unlock documents name their recipient."""
        return IdentityKey(self._derived(IDENTITY_LABEL))

    def sealing(self, suite: str = SUITE_X25519) -> SealingKey:
        """The key that opens what was sealed for the paper. Raises UnsupportedError."""
        return SealingKey(self._derived(SEALING_LABEL + b"\x00" + suite.encode()), suite)

    def code(self, root: IdentityPublicKey) -> str:
        """Return what is printed: 12 groups of 6 characters, with a mark of the shop's root."""
        payload = self._value + root_hint(root)
        # 37 bytes and 4 bits of a check over all of them are 60 characters of 5 bits.
        number = int.from_bytes(payload) << 4 | _total_check(payload)
        values = [number >> shift & 31 for shift in range(295, -1, -5)]
        return "-".join(_group(position, values) for position in range(GROUPS))

    @classmethod
    def from_code(cls, text: str) -> tuple[RecoveryKey, bytes]:
        """Return the key that `text` spells and the mark of its shop (`root_hint`).

        Small letters, any spacing, and O for 0, I or L for 1 are forgiven. Raises FormatError
        with the first group that cannot be right, where one can be named.
        """
        groups = _groups_of(text)
        values: list[int] = []
        for position, group in enumerate(groups):
            values += _values(position, group)
        number = 0
        for value in values:
            number = number << 5 | value
        payload = (number >> 4).to_bytes(KEY_SIZE + HINT_SIZE)
        if number & 15 != _total_check(payload):
            raise FormatError(
                "The code is not right, though each group could be. Compare it with the paper."
            )
        return cls(payload[:KEY_SIZE]), payload[KEY_SIZE:]

    def _derived(self, label: bytes) -> bytes:
        derivation = HKDF(algorithm=hashes.SHA256(), length=KEY_SIZE, salt=None, info=label)
        return derivation.derive(self._value)


def root_hint(root: IdentityPublicKey) -> bytes:
    """Return the 5 bytes of a root key's thumbprint by which a code tells its shop."""
    return from_b64u(root.thumbprint)[:HINT_SIZE]


def _total_check(payload: bytes) -> int:
    return hashlib.sha256(CHECK_LABEL + payload).digest()[0] >> 4


def _group(position: int, values: Sequence[int]) -> str:
    data = values[5 * position : 5 * position + 5]
    return "".join(ALPHABET[value] for value in (*data, _check(position, data)))


def _check(position: int, data: Sequence[int]) -> int:
    """The check of a group in its place.

    A polynomial over GF(32): one wrong character, two exchanged ones and two exchanged groups
    never pass.
    """
    state = position + 1
    for value in data:
        state = _doubled(state) ^ value
    return _doubled(state)


def _doubled(value: int) -> int:
    value <<= 1
    return value ^ _POLYNOMIAL if value & 32 else value


def _groups_of(text: str) -> list[str]:
    plain = text.strip().upper().translate(_FOLD)
    spelled = [part for part in _BETWEEN.split(plain) if part]
    if len(spelled) == GROUPS:
        # Written in groups: one that is too short or too long is known.
        for position, group in enumerate(spelled):
            if len(group) != GROUP_SIZE:
                raise FormatError(
                    f"Group {position + 1} of the code has {len(group)} characters instead of "
                    f"{GROUP_SIZE}. Compare it with the paper."
                )
        return spelled
    whole = "".join(spelled)
    groups = [whole[at : at + GROUP_SIZE] for at in range(0, len(whole), GROUP_SIZE)]
    if len(whole) != GROUPS * GROUP_SIZE:
        for position, group in enumerate(groups[:GROUPS]):
            if len(group) == GROUP_SIZE:
                _values(position, group)
        raise FormatError(
            f"The code has {len(whole)} characters instead of {GROUPS * GROUP_SIZE}. "
            "Compare it with the paper."
        )
    return groups


def _values(position: int, group: str) -> list[int]:
    """The five values of a group. Raises FormatError where it cannot be right in its place."""
    values = [_VALUE.get(letter, -1) for letter in group]
    if -1 in values or _check(position, values[:-1]) != values[-1]:
        raise FormatError(
            f"Group {position + 1} of the code, {group}, cannot be right. "
            "Compare it with the paper."
        )
    return values[:-1]
