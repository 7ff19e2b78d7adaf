"""Tink streaming AEAD, AES256-GCM-HKDF with 64 KiB segments (docs/format-v1.md, section 4).

    ciphertext = header(40) ‖ segment 0 … segment n-1
    header     = 0x28 ‖ salt(32) ‖ nonce prefix(7), inside the range of segment 0

Segment k is bytes [k·64 Ki, (k+1)·64 Ki) of the ciphertext, so segments line up with the
pieces of a torrent, and a seek costs one segment. Any Tink opens it.
"""

from __future__ import annotations

import io
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.errors import AuthenticationError, FormatError
from drm.keys import ContentKey

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "SEGMENT_SIZE",
    "StreamReader",
    "StreamSealer",
    "ciphertext_size",
    "encrypt",
    "open_reader",
    "plaintext_size",
    "read_fully",
    "read_into",
    "write_fully",
]

SEGMENT_SIZE: Final = 65536  # section 4.1: ciphertext bytes of a segment, tag included
TAG_SIZE: Final = 16  # section 4.3
SALT_SIZE: Final = 32  # section 4.2: as long as the derived key
PREFIX_SIZE: Final = 7  # section 4.2: 12 (nonce) - 4 (index) - 1 (last flag)
HEADER_SIZE: Final = 1 + SALT_SIZE + PREFIX_SIZE  # section 4.2: 40, which its first byte says
PAYLOAD_SIZE: Final = SEGMENT_SIZE - TAG_SIZE  # section 4.3
FIRST_PAYLOAD_SIZE: Final = PAYLOAD_SIZE - HEADER_SIZE
MAX_SEGMENTS: Final = 2**32  # section 4.3: the index is a u32

# Segments of one run: 2 MiB. Smaller runs make threads hand the interpreter to each other more
# often, larger ones fall out of the processor's cache between encryption and hashing.
BATCH_SEGMENTS: Final = 32
CACHED_SEGMENTS: Final = 4


def ciphertext_size(plain: int) -> int:
    """Return the bytes that `plain` bytes have once encrypted. Raises FormatError."""
    if plain < 0:
        raise FormatError("A size cannot be negative.")
    segments = max(1, -(-(plain + HEADER_SIZE) // PAYLOAD_SIZE))
    if segments > MAX_SEGMENTS:
        raise FormatError("A file may have at most 256 TiB. Split it.")
    return plain + HEADER_SIZE + segments * TAG_SIZE


def plaintext_size(cipher: int) -> int:
    """Return the plain bytes in `cipher` bytes of ciphertext.

    Raises FormatError where no ciphertext has that size.
    """
    segments = -(-cipher // SEGMENT_SIZE)
    plain = cipher - HEADER_SIZE - segments * TAG_SIZE
    if plain < 0 or ciphertext_size(plain) != cipher:
        raise FormatError("No sealed file has this size: it was cut, or it is another file.")
    return plain


def encrypt(
    source: BinaryIO,
    sink: BinaryIO,
    *,
    key: ContentKey,
    associated_data: bytes,
    on_segment: Callable[[memoryview], None] | None = None,
) -> int:
    """Encrypt `source` from where it stands to its end into `sink`; return the bytes written.

    `on_segment` sees each run of whole ciphertext segments in order, before the next one is
    made; it must not keep the view. Every call draws a new salt, so two runs never share a
    nonce. When this raises, what `sink` holds is no file: write to a temporary name and
    rename on success.
    """
    sealer = StreamSealer(key=key, associated_data=associated_data)
    out = memoryview(bytearray(BATCH_SEGMENTS * SEGMENT_SIZE))
    block, following = (memoryview(bytearray(BATCH_SEGMENTS * PAYLOAD_SIZE)) for _ in range(2))
    first, written = 0, 0
    size = read_into(source, block[: sealer.payload(first)])
    while True:
        # The last segment is marked, so one block is read ahead.
        next_size = read_into(source, following[: sealer.payload(first + BATCH_SEGMENTS)])
        made = sealer.seal(block[:size], first=first, last=next_size == 0, out=out)
        write_fully(sink, out[:made])
        written += made
        if on_segment is not None:
            on_segment(out[:made])
        if next_size == 0:
            return written
        block, following, size = following, block, next_size
        first += BATCH_SEGMENTS


class StreamSealer:
    """Seals runs of segments of one new stream, in any order and from any thread."""

    def __init__(
        self,
        *,
        key: ContentKey,
        associated_data: bytes,
        salt: bytes | None = None,
        prefix: bytes | None = None,
    ) -> None:
        """`salt` and `prefix` are for test vectors; without them they are random."""
        self._salt = secrets.token_bytes(SALT_SIZE) if salt is None else salt
        self._prefix = secrets.token_bytes(PREFIX_SIZE) if prefix is None else prefix
        self._header = bytes([HEADER_SIZE]) + self._salt + self._prefix
        self._cipher = _segment_cipher(key, salt=self._salt, associated_data=associated_data)
        self._sealed: set[int] = set()

    @staticmethod
    def payload(first: int) -> int:
        """Return the plain bytes of the run of `BATCH_SEGMENTS` that begins at segment `first`."""
        return BATCH_SEGMENTS * PAYLOAD_SIZE - (HEADER_SIZE if first == 0 else 0)

    def seal(self, plain: bytes | memoryview, *, first: int, last: bool, out: memoryview) -> int:
        """Write the segments of `plain`, from index `first` on, into `out`; return their size.

        `plain` is `payload(first)` bytes long unless `last`. Raises ValueError where the run
        was sealed before, as its nonces are then used up.
        """
        if first in self._sealed:
            raise ValueError("a run of segments is sealed once")
        self._sealed.add(first)
        view = memoryview(plain)
        index, taken, made = first, 0, 0
        if first == 0:
            out[:HEADER_SIZE] = self._header
            made = HEADER_SIZE
        while True:
            room = FIRST_PAYLOAD_SIZE if index == 0 else PAYLOAD_SIZE
            part = view[taken : taken + room]
            taken += len(part)
            ends = last and taken == len(view)
            if index >= MAX_SEGMENTS:
                raise FormatError("A file may have at most 256 TiB. Split it.")
            target = out[made : made + len(part) + TAG_SIZE]
            self._cipher.encrypt_into(_nonce(self._prefix, index, last=ends), part, None, target)
            made += len(target)
            index += 1
            if taken == len(view):
                return made


def open_reader(
    source: BinaryIO, *, size: int, key: ContentKey, associated_data: bytes
) -> StreamReader:
    """Return a seekable reader of the plaintext in the first `size` bytes of `source`.

    `size` must come from the signed manifest: with it the last segment is authenticated
    here, so a shortened file is refused before anything is released. Bytes after `size`
    are never read. Raises FormatError, AuthenticationError.
    """
    return StreamReader(source, size=size, key=key, associated_data=associated_data)


class StreamReader(io.RawIOBase):
    """Plain bytes of a stream, by `read` and `seek`, or by `read_at` from many threads.

    Every byte it returns was authenticated first. Closing it leaves `source` open.
    """

    def __init__(
        self, source: BinaryIO, *, size: int, key: ContentKey, associated_data: bytes
    ) -> None:
        super().__init__()
        self._source = source
        self._cipher_size = size
        self._size = plaintext_size(size)
        self._last = (size - 1) // SEGMENT_SIZE
        self._position = 0
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        header = self._fetch(0, HEADER_SIZE)
        if header[0] != HEADER_SIZE:
            raise AuthenticationError(_CHANGED)
        self._cipher = _segment_cipher(
            key, salt=header[1 : 1 + SALT_SIZE], associated_data=associated_data
        )
        self._prefix = header[1 + SALT_SIZE :]
        self._segment(self._last)

    @property
    def size(self) -> int:
        """The plain size in bytes."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` plain bytes from `offset`, fewer only at the end of the file.

        Raises AuthenticationError where the ciphertext was changed.
        """
        if offset < 0 or size < 0:
            raise ValueError("offset and size cannot be negative")
        end = min(self._size, offset + size)
        parts: list[bytes | memoryview] = []
        while offset < end:
            index, skip, _room = self._place(offset)
            segment = self._segment(index)
            part = memoryview(segment)[skip : skip + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` from the position on; return the bytes written, 0 at the end."""
        if self.closed:
            raise ValueError("the reader is closed")
        view = memoryview(buffer).cast("B")
        view = view[: max(0, self._size - self._position)]
        try:
            self._fill(view)
        except AuthenticationError:
            # All or nothing: neither what was changed nor what came before it leaves here.
            view[:] = bytes(len(view))
            raise
        self._position += len(view)
        return len(view)

    def _fill(self, view: memoryview) -> None:
        """Write the plain bytes from the position on into `view`."""
        done = 0
        while done < len(view):
            index, skip, room = self._place(self._position + done)
            if skip == 0 and room <= len(view) - done:
                # A whole segment goes straight to where it is wanted.
                self._segment_into(index, view[done : done + room])
                done += room
                continue
            part = memoryview(self._segment(index))[skip : skip + len(view) - done]
            view[done : done + len(part)] = part
            done += len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the position, as `io.RawIOBase.seek` does."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        if whence not in base or base[whence] + offset < 0:
            raise ValueError("a position cannot lie before the start")
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def __repr__(self) -> str:
        return f"<StreamReader of {self._size} bytes>"

    def _place(self, offset: int) -> tuple[int, int, int]:
        """The segment of a plain offset, how far into it that is, and its plain size."""
        index, skip = divmod(offset + HEADER_SIZE, PAYLOAD_SIZE)
        begin = HEADER_SIZE if index == 0 else 0
        end = min(PAYLOAD_SIZE, self._size + HEADER_SIZE - index * PAYLOAD_SIZE)
        return index, skip - begin, end - begin

    def _segment(self, index: int) -> bytes:
        with self._lock:
            cached = self._cache.get(index)
            if cached is not None:
                self._cache.move_to_end(index)
                return cached
            sealed = self._sealed(index)
        # Outside the lock, so that two threads use two cores.
        try:
            plain = self._cipher.decrypt(self._nonce(index), sealed, None)
        except InvalidTag as error:
            raise AuthenticationError(_CHANGED) from error
        with self._lock:
            self._cache[index] = plain
            while len(self._cache) > CACHED_SEGMENTS:
                self._cache.popitem(last=False)
        return plain

    def _segment_into(self, index: int, target: memoryview) -> None:
        """Open a segment into `target`. Where this raises, what that holds is not to be used."""
        with self._lock:
            cached = self._cache.get(index)
            sealed = b"" if cached is not None else self._sealed(index)
        if cached is not None:
            target[:] = cached
            return
        try:
            self._cipher.decrypt_into(self._nonce(index), sealed, None, target)
        except InvalidTag as error:
            raise AuthenticationError(_CHANGED) from error

    def _sealed(self, index: int) -> bytes:
        """The ciphertext of a segment; the caller holds the lock of the source."""
        start = index * SEGMENT_SIZE + (HEADER_SIZE if index == 0 else 0)
        return self._fetch(start, min((index + 1) * SEGMENT_SIZE, self._cipher_size) - start)

    def _nonce(self, index: int) -> bytes:
        return _nonce(self._prefix, index, last=index == self._last)

    def _fetch(self, start: int, size: int) -> bytes:
        self._source.seek(start)
        data = read_fully(self._source, size)
        if len(data) != size:
            raise AuthenticationError(
                "The sealed file ends too early. Check it, or fetch it again."
            )
        return data


def write_fully(sink: BinaryIO, data: memoryview) -> None:
    """Write all of `data`: an unbuffered file on a filling disk takes a part, without a word."""
    while data:
        written = sink.write(data)
        if not written:
            raise OSError("the file takes no more bytes")
        data = data[written:]


def read_into(source: BinaryIO, buffer: memoryview) -> int:
    """Fill `buffer` from `source`; return the bytes read, fewer only at its end.

    Without a copy where the source can: fresh memory for each run costs more than reading.
    """
    readinto = getattr(source, "readinto", None)
    done = 0
    while done < len(buffer):
        if readinto is not None:
            count = readinto(buffer[done:])
        else:
            data = source.read(len(buffer) - done)
            count = len(data)
            buffer[done : done + count] = data
        if not count:
            break
        done += count
    return done


def read_fully(source: BinaryIO, size: int) -> bytes:
    """Return `size` bytes of `source`, fewer only at its end, however short its reads are."""
    data = source.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (data := source.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


_CHANGED = "The sealed file was changed, or this key is not its own. Check it, or fetch it again."


def _segment_cipher(key: ContentKey, *, salt: bytes, associated_data: bytes) -> AESGCM:
    # Section 4.2: the associated data is HKDF's info; GCM's own stays empty.
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=associated_data)
    return AESGCM(derivation.derive(key.to_bytes()))


def _nonce(prefix: bytes, index: int, *, last: bool) -> bytes:
    # Section 4.3: prefix(7) ‖ index u32 big-endian ‖ last flag
    return prefix + index.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
