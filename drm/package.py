"""Sealing: files in, ciphertext, roots and a manifest out, in one pass on all cores.

    source ─read─► batch of 2 MiB ─┬─ thread: encrypt, hash leaves ─┬─► sink, in order
                                   └─ thread: encrypt, hash leaves ─┘

Encryption and hashing release the GIL, and batches of one stream do not depend on each
other, so the caller's thread only reads, writes, and closes the hash tree.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from drm.errors import FormatError
from drm.keys import ContentKey
from drm.manifest import (
    FileEntry,
    Manifest,
    SealedFile,
    associated_data,
    check_entry,
    check_key,
    seal_details,
)
from drm.merkle import FileHasher, hash_leaves
from drm.stream import (
    BATCH_SEGMENTS,
    PAYLOAD_SIZE,
    SEGMENT_SIZE,
    StreamReader,
    StreamSealer,
    open_reader,
    read_into,
    write_fully,
)

__all__ = [
    "SealedPackage",
    "associated_data",
    "choose_piece_length",
    "make_manifest",
    "open_file",
    "seal_files",
]

THREADS: Final = 2
# Batches on their way: enough that no thread waits for the disk, and 16 MiB of memory.
IN_FLIGHT: Final = 3
# A piece layer costs 32 bytes a piece; a seek costs at least a piece.
TARGET_PIECES: Final = 2048
MIN_PIECE_LENGTH: Final = SEGMENT_SIZE
MAX_CHOSEN_PIECE_LENGTH: Final = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class SealedPackage:
    """What sealing learnt. `piece_layers` is in the order of the files, empty for a file
    that fits in one piece."""

    seal_id: str
    key: ContentKey
    piece_length: int
    files: tuple[SealedFile, ...]
    piece_layers: tuple[bytes, ...] = field(repr=False)
    entries: tuple[FileEntry, ...]


def choose_piece_length(total: int) -> int:
    """Return the piece length in bytes for `total` bytes: 64 KiB to 8 MiB."""
    length = MIN_PIECE_LENGTH
    while length < MAX_CHOSEN_PIECE_LENGTH and total > length * TARGET_PIECES:
        length *= 2
    return length


def seal_files(
    sources: Sequence[tuple[FileEntry, BinaryIO]],
    open_sink: Callable[[int], BinaryIO],
    *,
    key: ContentKey,
    piece_length: int,
    progress: Callable[[int], None] = lambda done: None,
) -> SealedPackage:
    """Encrypt and hash every source into `open_sink(index)`, which is closed after it.

    Each entry's index is its place in `sources`, and its size what the source must yield.
    `progress` is told the plain bytes done so far, over all files. Raises FormatError
    where an entry is outside the limits or a source has another length. When this
    raises, what the sinks hold is to be deleted: a seal id is used once.
    """
    entries = tuple(entry for entry, _ in sources)
    if not entries or [entry.index for entry in entries] != list(range(len(entries))):
        raise FormatError("The files of a package are numbered from 0, and there is at least one.")
    for entry in entries:
        check_entry(entry)
    seal_id = secrets.token_hex(16)
    files: list[SealedFile] = []
    layers: list[bytes] = []
    done = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="seal") as pool:
        line = _SealingLine(pool)
        for entry, source in sources:
            hasher, written = FileHasher(piece_length), 0
            sealer = StreamSealer(key=key, associated_data=associated_data(seal_id, entry.index))
            with open_sink(entry.index) as sink:
                for batch in line.batches(source, sealer, entry):
                    write_fully(sink, batch.sealed)
                    hasher.add_leaves(batch.leaves)
                    written += len(batch.sealed)
                    done += batch.plain
                    progress(done)
            tree = hasher.finish()
            files.append(SealedFile(size=written, root=tree.root))
            layers.append(tree.piece_layer)
    return SealedPackage(
        seal_id=seal_id,
        key=key,
        piece_length=piece_length,
        files=tuple(files),
        piece_layers=tuple(layers),
        entries=entries,
    )


def make_manifest(sealed: SealedPackage, *, version: int) -> Manifest:
    """Return the manifest of `sealed`, to be signed. `version` counts a listing's packages
    from 1."""
    return Manifest(
        seal_id=sealed.seal_id,
        version=version,
        piece_length=sealed.piece_length,
        files=sealed.files,
        key_commitment=sealed.key.commitment(sealed.seal_id),
        details=seal_details(sealed.entries, seal_id=sealed.seal_id, key=sealed.key),
    )


def open_file(manifest: Manifest, index: int, source: BinaryIO, *, key: ContentKey) -> StreamReader:
    """Return a seekable reader of the plain bytes of file `index`, whose ciphertext is `source`.

    Raises KeyMismatchError for another key, AuthenticationError for changed bytes, and
    FormatError where the package has no such file.
    """
    check_key(manifest, key)
    if not 0 <= index < len(manifest.files):
        raise FormatError("The package has no such file.")
    return open_reader(
        source,
        size=manifest.files[index].size,
        key=key,
        associated_data=associated_data(manifest.seal_id, index),
    )


@dataclass(frozen=True, kw_only=True)
class _Batch:
    plain: int
    sealed: memoryview
    leaves: list[bytes]


class _SealingLine:
    """Buffers that go round, so that fresh memory is paid for once a package."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        turns = range(IN_FLIGHT + 1)
        self._plains = [memoryview(bytearray(BATCH_SEGMENTS * PAYLOAD_SIZE)) for _ in turns]
        self._outs = [memoryview(bytearray(BATCH_SEGMENTS * SEGMENT_SIZE)) for _ in turns]

    def batches(self, source: BinaryIO, sealer: StreamSealer, entry: FileEntry) -> Iterator[_Batch]:
        """Yield the batches of one file in order; each lasts until the next is asked for."""
        waiting: deque[Future[_Batch]] = deque()
        first, rest = 0, entry.size
        try:
            while True:
                turn = first // BATCH_SEGMENTS % len(self._plains)
                plain = self._plains[turn][: min(rest, sealer.payload(first))]
                size = read_into(source, plain)
                rest -= size
                if size != len(plain) or (rest == 0 and source.read(1)):
                    raise FormatError(
                        f"“{entry.name}” changed while it was sealed. Upload it again, "
                        "then publish."
                    )
                out = self._outs[turn]
                waiting.append(self._pool.submit(_seal_batch, sealer, plain, first, rest == 0, out))
                if rest == 0:
                    break
                first += BATCH_SEGMENTS
                if len(waiting) == IN_FLIGHT:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Where the caller gave up, what has not begun need not begin.
            for future in waiting:
                future.cancel()


def _seal_batch(
    sealer: StreamSealer, plain: memoryview, first: int, last: bool, buffer: memoryview
) -> _Batch:
    size = sealer.seal(plain, first=first, last=last, out=buffer)
    sealed = buffer[:size]
    return _Batch(plain=len(plain), sealed=sealed, leaves=hash_leaves(sealed))
