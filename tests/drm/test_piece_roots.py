from __future__ import annotations

import random

import pytest

from drm.merkle import LEAF_SIZE, FileHasher, hash_leaves, piece_root

PIECE = 4 * LEAF_SIZE


@pytest.mark.parametrize("size", [PIECE + 1, 2 * PIECE, 3 * PIECE + LEAF_SIZE, 5 * PIECE - 7])
def test_the_pieces_of_a_file_of_several_are_its_layer(size: int) -> None:
    data = random.Random(size).randbytes(size)
    hasher = FileHasher(PIECE)
    hasher.update(data)
    layer = hasher.finish().piece_layer

    pieces = [
        piece_root(hash_leaves(data[at : at + PIECE]), piece_length=PIECE)
        for at in range(0, size, PIECE)
    ]

    assert b"".join(pieces) == layer


@pytest.mark.parametrize("size", [1, LEAF_SIZE, LEAF_SIZE + 1, 3 * LEAF_SIZE, PIECE])
def test_the_only_piece_of_a_file_is_its_root(size: int) -> None:
    data = random.Random(size).randbytes(size)
    hasher = FileHasher(PIECE)
    hasher.update(data)

    assert piece_root(hash_leaves(data), piece_length=None) == hasher.finish().root
