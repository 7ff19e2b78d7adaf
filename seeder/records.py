"""What this device knows of its own playing: leases, plays begun, and the latest time seen.

One file for each shop, under a key that only this device can derive, so an edited, torn or
foreign one is seen. Each write counts up and names the one before; a second file keeps the
last count, so one that was put back is seen as well:

    record.json   {"record": text, "mac": …}   text: counter, previous, high_water, licences
    record.head   the same shape               text: counter and hash of the last record

Whatever is not whole counts as lost, and lost means “go online once” (drm.decision): the shop
keeps what it was told with each lease. Somebody who puts back the whole folder is not seen
here; the shop sees the old lease counter at the next renewal. A perpetual licence never asks.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.decision import CLOCK_TOLERANCE, Usage
from drm.encoding import (
    b64u,
    canonical_json,
    from_b64u,
    member,
    parse_object,
    time_from,
    time_to_claim,
)
from drm.errors import FormatError
from drm.signed import document_hash
from seeder.config import ShopFolder, exclusive, read_json, write_json
from seeder.device import DeviceKeys

__all__ = ["LicenceRecord", "Record", "Records"]

KEY_INFO: Final = b"geobuk-local-record-v1"
VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class LicenceRecord:
    """One leased licence: its lease (the JWS), the highest counter of any lease so far, the
    first play on this device, and the plays begun under this lease."""

    package: str
    lease: str
    counter: int
    first_play: datetime | None = None
    plays: int = 0

    @property
    def usage(self) -> Usage:
        return Usage(first_play=self.first_play, plays=self.plays)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The state at one moment. `lost`: there was one that is not whole, or not the last."""

    counter: int = 0
    previous: str = ""
    high_water: datetime | None = None
    licences: Mapping[str, LicenceRecord] = field(default_factory=dict)
    lost: bool = False

    def usage(self, licence_id: str) -> Usage:
        """What to decide with; unknown where the record of a licence is gone."""
        held = self.licences.get(licence_id)
        return Usage(known=False) if held is None and self.lost else (held or _NONE).usage

    def with_licence(self, licence_id: str, licence: LicenceRecord | None) -> Record:
        """The record with this licence's part set, or taken out."""
        others = {name: one for name, one in self.licences.items() if name != licence_id}
        return replace(
            self, licences=others if licence is None else {**others, licence_id: licence}
        )

    def seen(self, now: datetime) -> Record:
        """The record after a look at the clock: the high-water mark only rises."""
        return replace(self, high_water=max(now, self.high_water or now))


_NONE: Final = LicenceRecord(package="", lease="", counter=0)


class Records:
    """The record of one shop's folder; threads and processes may share it."""

    def __init__(
        self, folder: ShopFolder, device: DeviceKeys, *, clock: Callable[[], datetime]
    ) -> None:
        self._file = folder.path / "record.json"
        self._head = folder.path / "record.head"
        self._lock = folder.path / "record.lock"
        self._key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=KEY_INFO).derive(
            device.identity.to_bytes()
        )
        self._clock = clock
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """The time: the clock's, mended where the shop's signed time showed it to be wrong."""
        return self._clock() + self._offset

    def believe(
        self, server_time: datetime, change: Callable[[Record], Record] = lambda record: record
    ) -> None:
        """Take a time that the shop signed for a fresh question as the present one, and apply
        `change` in the same write.

        It also ends the trouble of a clock that once ran ahead: the high-water mark is set
        to it, not only raised.
        """
        off = server_time - self._clock()
        self._offset = off if abs(off) > CLOCK_TOLERANCE else timedelta(0)
        self.update(lambda record: replace(change(record), high_water=server_time))

    def read(self) -> Record:
        """The last record; an empty one, marked as lost, where it cannot be trusted."""
        if not self._file.exists() and not self._head.exists():
            return Record()
        head, text = self._open(self._head), self._open(self._file)
        try:
            return self._linked(head, text)
        except FormatError:
            # Counting on keeps a record that is put back later from looking like the next one.
            return Record(counter=_counter(head, text), lost=True)

    def update(self, change: Callable[[Record], Record]) -> Record:
        """Apply `change` to the last record and write the result, on disk before this returns.

        A lost record begins anew here; its licences stay unknown until each has a new lease.
        """
        with exclusive(self._lock):
            before = self.read()
            changed = replace(
                change(before), counter=before.counter + 1, previous=self._previous(before)
            )
            if not self._head.exists():
                self._write(self._head, {"v": VERSION, "counter": before.counter, "hash": ""})
            text = self._write(self._file, _to_json(changed))
            self._write(
                self._head, {"v": VERSION, "counter": changed.counter, "hash": document_hash(text)}
            )
            return changed

    def _previous(self, before: Record) -> str:
        text = self._open(self._file)
        return "" if before.lost or text is None else document_hash(text)

    def _linked(self, head: str | None, text: str | None) -> Record:
        """The record, if the head knows it as the last one. Raises FormatError.

        A power cut between the two writes leaves the record one ahead: it names the hash
        that the head has, and nobody without the key can make such a one.
        """
        if head is None:
            raise FormatError("The head of the record is not whole.")
        last = _parse(head)
        counter, known = member(last, "counter", int), member(last, "hash", str)
        if text is None and known == "":
            return Record(counter=counter, lost=counter > 0)
        if text is None:
            raise FormatError("The record is not whole.")
        record = _from_json(_parse(text))
        same = record.counter == counter and document_hash(text) == known
        ahead = record.counter == counter + 1 and record.previous == known
        if not same and not ahead:
            raise FormatError("The record is not the last one.")
        return record

    def _write(self, path: Path, value: dict[str, Any]) -> str:
        text = canonical_json(value).decode()
        write_json(path, {"record": text, "mac": b64u(self._mac(path, text))})
        return text

    def _open(self, path: Path) -> str | None:
        """The text of a file that this device wrote; None where it is anything else."""
        try:
            value = read_json(path) or {}
            text = value.get("record")
            genuine = isinstance(text, str) and hmac.compare_digest(
                from_b64u(value.get("mac")), self._mac(path, text)
            )
        except (FormatError, OSError, RecursionError, UnicodeEncodeError):
            return None
        return text if genuine else None

    def _mac(self, path: Path, text: str) -> bytes:
        # The name keeps a head from passing for a record.
        return hmac.digest(self._key, path.name.encode() + b"\x00" + text.encode(), "sha256")


def _counter(*texts: str | None) -> int:
    """The highest counter in texts that are each genuine, though they do not fit together."""
    return max((member(_parse(text), "counter", int) for text in texts if text), default=0)


def _parse(text: str) -> dict[str, Any]:
    value = parse_object(text.encode())
    if member(value, "v", int) != VERSION:
        raise FormatError("The record is of another version.")
    return value


def _to_json(record: Record) -> dict[str, Any]:
    return {
        "v": VERSION,
        "counter": record.counter,
        "previous": record.previous,
        "high_water": _claim(record.high_water),
        "lost": record.lost,
        "licences": [
            {
                "licence": name,
                "package": one.package,
                "lease": one.lease,
                "counter": one.counter,
                "first_play": _claim(one.first_play),
                "plays": one.plays,
            }
            for name, one in sorted(record.licences.items())
        ],
    }


def _from_json(value: Mapping[str, Any]) -> Record:
    return Record(
        counter=member(value, "counter", int),
        previous=member(value, "previous", str),
        high_water=_moment(value, "high_water"),
        lost=member(value, "lost", bool),
        licences={
            member(one, "licence", str): LicenceRecord(
                package=member(one, "package", str),
                lease=member(one, "lease", str),
                counter=member(one, "counter", int),
                first_play=_moment(one, "first_play"),
                plays=member(one, "plays", int),
            )
            for one in member(value, "licences", list)
        },
    )


def _claim(moment: datetime | None) -> int | None:
    return None if moment is None else time_to_claim(moment)


def _moment(value: Mapping[str, Any], name: str) -> datetime | None:
    return None if value.get(name) is None else time_from(value, name)
