"""The encrypted stream alone: speed against OpenSSL, a seek, and one file past 4 GiB.

Throughput is in memory, so that no disk is measured: OpenSSL encrypts and decrypts the
same bytes a megabyte at a time with one key. A file of 4 GiB + 1 byte is encrypted and
read back, each byte compared, by a process of its own, whose memory is told.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.results import Result
from drm.keys import ContentKey
from drm.stream import ciphertext_size, encrypt, open_reader

__all__ = ["Counting", "main", "read_back", "run"]

ROOT = Path(__file__).resolve().parents[1]
MIB = 1024**2
SIZE = 256 * MIB
ROUNDS = 5
SEEKS = 5_000
SEEK_BYTES = 64 * 1024
HUGE = 4 * 1024**3 + 1
STEP = 4 * MIB
CONTEXT = b"benchmark"
SPEED_BAR = 0.25  # the bytes are copied in and out, and each segment is a call
SEEK_BAR = 5.0  # milliseconds at p99
MEMORY_BAR = 64.0  # MiB


class Counting(io.RawIOBase):
    """A source of `size` bytes that differ in every block, without keeping them."""

    def __init__(self, size: int, *, seed: str) -> None:
        super().__init__()
        self._tile = hashlib.shake_256(seed.encode()).digest(MIB - 8)
        self._size, self._at = size, 0

    def at(self, offset: int, size: int) -> bytes:
        """Return the bytes of a place: whole blocks are a number and the tile."""
        first, end = offset // MIB, min(self._size, offset + size)
        blocks = (number.to_bytes(8, "big") + self._tile for number in range(first, -(-end // MIB)))
        data = b"".join(blocks)
        return data[offset - first * MIB : end - first * MIB]

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self.at(self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def run() -> list[Result]:
    """Encrypt, decrypt, seek; then the huge file."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-streams-"))
    try:
        return [*_speeds(), *_seeks(folder), *_huge()]
    finally:
        shutil.rmtree(folder)


def _speeds() -> Iterator[Result]:
    plain, key = memoryview(os.urandom(SIZE)), ContentKey.generate()
    sealed, out = memoryview(bytearray(ciphertext_size(SIZE))), bytearray(MIB)
    bare, nonce = AESGCM(key.to_bytes()), bytes(12)
    pieces = [plain[start : start + MIB] for start in range(0, SIZE, MIB)]
    tagged = [bare.encrypt(nonce, piece, None) for piece in pieces]

    def seal() -> None:
        source, sink = (cast("BinaryIO", _Memory(place)) for place in (plain, sealed))
        encrypt(source, sink, key=key, associated_data=CONTEXT)

    def unseal() -> None:
        source = cast("BinaryIO", _Memory(sealed))
        reader = open_reader(source, size=len(sealed), key=key, associated_data=CONTEXT)
        while reader.readinto(out):
            pass

    def openssl_seal() -> None:
        for piece in pieces:
            bare.encrypt(nonce, piece, None)

    def openssl_unseal() -> None:
        for piece in tagged:
            bare.decrypt(nonce, piece, None)

    for name, ours, reference in (
        ("encryption", seal, openssl_seal),
        ("decryption", unseal, openssl_unseal),
    ):
        pairs = [(_used(ours), _used(reference)) for _ in range(ROUNDS)]
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        yield Result(
            name=f"{name} of a stream on one core, against OpenSSL on 1 MiB at a time",
            value=SIZE / 1e6 / mine,
            unit="MB/s",
            reference=SIZE / 1e6 / theirs,
            ratio=theirs / mine,
            bar=SPEED_BAR,
        )


class _Memory(io.RawIOBase):
    """A file of fixed size in memory, as one in the page cache is."""

    def __init__(self, place: memoryview) -> None:
        super().__init__()
        self._place, self._at = place, 0

    def seek(self, offset: int, _whence: int = io.SEEK_SET, /) -> int:
        self._at = offset
        return offset

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer))
        part = self._place[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def write(self, data: object, /) -> int:
        view = memoryview(cast("bytes", data))
        self._place[self._at : self._at + len(view)] = view
        self._at += len(view)
        return len(view)


def _used(work: Callable[[], object]) -> float:
    """Seconds of the processor, so that what else the machine does is not counted."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _seeks(folder: Path) -> list[Result]:
    """64 KiB from a random place of a file in the page cache, against reading the bytes."""
    path, key = folder / "film", ContentKey.generate()
    with path.open("wb") as sink:
        size = encrypt(io.BytesIO(os.urandom(SIZE)), sink, key=key, associated_data=CONTEXT)
    places = [secrets.randbelow(SIZE - SEEK_BYTES) for _ in range(SEEKS)]
    with path.open("rb", buffering=0) as file:
        reader = open_reader(cast("BinaryIO", file), size=size, key=key, associated_data=CONTEXT)
        ours = sorted(_time(partial(reader.read_at, place, SEEK_BYTES)) for place in places)
        bare = sorted(
            _time(partial(os.pread, file.fileno(), SEEK_BYTES, place)) for place in places
        )
    return [
        Result(
            name=f"seek to 64 KiB of plaintext, p{percent}",
            value=1000 * ours[SEEKS * percent // 100],
            unit="ms",
            reference=1000 * bare[SEEKS * percent // 100],
            bar=SEEK_BAR,
            bar_is_most=True,
        )
        for percent in (50, 99)
    ]


def _huge() -> Iterator[Result]:
    """Encrypt and read back; the reader is a process of its own, for its memory's sake."""
    # In memory where there is room: how fast a disk takes 4 GiB says nothing of the stream.
    memory = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * HUGE
    folder = Path(tempfile.mkdtemp(prefix="geobuk-huge-", dir=memory if roomy else None))
    try:
        path, key, seed = folder / "huge", ContentKey.generate(), secrets.token_hex(16)
        began = time.perf_counter()
        with path.open("wb") as sink:
            source = cast("BinaryIO", Counting(HUGE, seed=seed))
            sealed = encrypt(source, sink, key=key, associated_data=CONTEXT)
        encrypted = time.perf_counter() - began
        if not sealed == ciphertext_size(HUGE) == path.stat().st_size:
            raise RuntimeError("the ciphertext has another size than its formula says")
        told = _in_a_process_of_its_own(path, key.to_bytes().hex(), seed)
    finally:
        shutil.rmtree(folder)
    size = "4 GiB + 1 byte"
    yield Result(name=f"a file of {size}, encrypted", value=HUGE / 1e6 / encrypted, unit="MB/s")
    yield Result(name="the same, read and every byte compared", value=told["speed"], unit="MB/s")
    yield Result(
        name="memory that opening it, 1,000 seeks and reading it all took",
        value=told["grown"],
        unit="MiB",
        bar=MEMORY_BAR,
        bar_is_most=True,
    )


def _in_a_process_of_its_own(path: Path, key: str, seed: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.streams"],
        input=json.dumps({"path": str(path), "size": HUGE, "key": key, "seed": seed}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def read_back(path: Path, *, size: int, key: ContentKey, seed: str) -> dict[str, float]:
    """Read a file that `Counting` was encrypted to; its speed, and the growth of memory.

    Raises RuntimeError where a byte differs.
    """
    source = Counting(size, seed=seed)
    _compare(source.at(0, STEP), source.at(0, STEP), 0)  # what comparing takes is no growth
    before = _peak()
    with path.open("rb", buffering=0) as file:
        sealed = ciphertext_size(size)
        began = time.perf_counter()
        reader = open_reader(cast("BinaryIO", file), size=sealed, key=key, associated_data=CONTEXT)
        for place in [size - 1, 2**32 - 1, 2**32, size // 2, *_anywhere(size)]:
            _compare(reader.read_at(place, SEEK_BYTES), source.at(place, SEEK_BYTES), place)
        for place in range(0, size, STEP):
            _compare(reader.read_at(place, STEP), source.at(place, STEP), place)
    read = time.perf_counter() - began
    return {"speed": size / 1e6 / read, "grown": (_peak() - before) / MIB}


def _anywhere(size: int) -> list[int]:
    return [secrets.randbelow(size) for _ in range(1000)]


def _compare(ours: bytes, theirs: bytes, place: int) -> None:
    if ours != theirs:
        raise RuntimeError(f"the bytes from {place} on differ")


def _peak() -> int:
    """Most bytes of memory that this process held since it began (proc(5), VmHWM).

    getrusage(2) would tell the peak of the parent, from which this one was forked.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main() -> int:
    """Read back what the request on stdin names; print what `read_back` tells, as JSON."""
    asked = json.load(sys.stdin)
    key = ContentKey(bytes.fromhex(asked["key"]))
    told = read_back(Path(asked["path"]), size=asked["size"], key=key, seed=asked["seed"])
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
