"""Hash trees of BitTorrent v2 (BEP 52), built while the bytes pass by.

A file is cut into leaves of 16 KiB; a piece is a subtree of leaves; the root covers all
pieces, padded to a power of two with hashes of zero *hashes*, never of zero bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["LEAF_SIZE", "FileHash", "FileHasher", "hash_leaves", "piece_root"]

LEAF_SIZE: Final = 16 * 1024  # BEP 52, "pieces root"
HASH_SIZE: Final = 32
ZERO_HASH: Final = bytes(HASH_SIZE)


@dataclass(frozen=True, kw_only=True)
class FileHash:
    """What a v2 torrent says of one file.

    `piece_layer` is the concatenation of the 32-byte piece hashes, and empty where the
    file fits in one piece, as BEP 52 then leaves the layer out.
    """

    root: bytes
    piece_layer: bytes


def hash_leaves(data: bytes | bytearray | memoryview) -> list[bytes]:
    """Return the SHA-256 of each 16 KiB of `data`; the last leaf may be short.

    Holds the GIL only between the leaves, so it may run beside other threads.
    """
    sha256 = hashlib.sha256
    view = memoryview(data)
    return [
        sha256(view[start : start + LEAF_SIZE]).digest() for start in range(0, len(view), LEAF_SIZE)
    ]


def piece_root(leaves: Sequence[bytes], *, piece_length: int | None) -> bytes:
    """Return the hash of one piece from those of its leaves, as `hash_leaves` gives them.

    `piece_length` in bytes, also for the last and shorter piece of a file of several; None
    for a file that is one piece, whose tree is as high as its own leaves need (BEP 52).
    """
    if piece_length is None:
        return _root(leaves, _power_of_two(len(leaves)), ZERO_HASH)
    return _root(leaves, piece_length // LEAF_SIZE, ZERO_HASH)


class FileHasher:
    """Hashes one file from its first byte to its last."""

    def __init__(self, piece_length: int) -> None:
        """`piece_length` is a power of two, at least 16 KiB. Raises ValueError."""
        if piece_length < LEAF_SIZE or piece_length & (piece_length - 1):
            raise ValueError("the piece length must be a power of two of at least 16 KiB")
        self._leaves_per_piece = piece_length // LEAF_SIZE
        self._pieces: list[bytes] = []
        self._leaves: list[bytes] = []
        self._rest = b""

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        view = memoryview(data)
        if self._rest:
            missing = LEAF_SIZE - len(self._rest)
            self._rest += bytes(view[:missing])
            view = view[missing:]
            if len(self._rest) < LEAF_SIZE:
                return
            self.add_leaves([hashlib.sha256(self._rest).digest()])
        whole = len(view) // LEAF_SIZE * LEAF_SIZE
        self.add_leaves(hash_leaves(view[:whole]))
        self._rest = bytes(view[whole:])

    def add_leaves(self, leaves: Sequence[bytes]) -> None:
        """Take the next leaves, hashed elsewhere by `hash_leaves`."""
        self._leaves.extend(leaves)
        width = self._leaves_per_piece
        while len(self._leaves) >= width:
            self._pieces.append(_root(self._leaves[:width], width, ZERO_HASH))
            del self._leaves[:width]

    def finish(self) -> FileHash:
        """Return the hash tree's root and piece layer; an empty file has neither."""
        if self._rest:
            self.add_leaves([hashlib.sha256(self._rest).digest()])
            self._rest = b""
        if not self._pieces:
            # One piece at most: the tree is as high as its own leaves need.
            width = _power_of_two(len(self._leaves))
            return FileHash(
                root=_root(self._leaves, width, ZERO_HASH) if self._leaves else b"",
                piece_layer=b"",
            )
        if self._leaves:
            self._pieces.append(_root(self._leaves, self._leaves_per_piece, ZERO_HASH))
            self._leaves = []
        if len(self._pieces) == 1:
            return FileHash(root=self._pieces[0], piece_layer=b"")
        pad = _root([], self._leaves_per_piece, ZERO_HASH)
        root = _root(self._pieces, _power_of_two(len(self._pieces)), pad)
        return FileHash(root=root, piece_layer=b"".join(self._pieces))


def _power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


def _root(hashes: Sequence[bytes], width: int, pad: bytes) -> bytes:
    """Return the root over `hashes`, as if padded with `pad` to `width`, a power of two."""
    sha256 = hashlib.sha256
    level = list(hashes)
    while width > 1:
        # Only the first pad of a level matters: all later ones pair up to the same parent.
        if len(level) % 2:
            level.append(pad)
        level = [sha256(level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
        pad = sha256(pad + pad).digest()
        width //= 2
    return level[0] if level else pad
