"""The device's own record: what is not whole, not its own or not the last is known to be lost."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drm.keys import IdentityKey, SealingKey
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.records import LicenceRecord, Record, Records

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
FILM = LicenceRecord(package="a" * 64, lease="jws", counter=3, first_play=NOW, plays=2)


def make_device() -> DeviceKeys:
    return DeviceKeys(name="laptop", identity=IdentityKey.generate(), sealing=SealingKey.generate())


@pytest.fixture
def folder(tmp_path: Path) -> ShopFolder:
    return ShopFolder(tmp_path / "shop")


@pytest.fixture
def device() -> DeviceKeys:
    return make_device()


@pytest.fixture
def records(folder: ShopFolder, device: DeviceKeys) -> Records:
    return Records(folder, device, clock=lambda: NOW)


def count_play(record: Record) -> Record:
    held = record.licences.get("film", FILM)
    return record.with_licence("film", replace(held, plays=held.plays + 1))


def test_a_new_folder_has_an_empty_record(records: Records) -> None:
    record = records.read()

    assert record == Record()
    assert record.usage("film").known


def test_what_is_written_is_read_again(
    records: Records, folder: ShopFolder, device: DeviceKeys
) -> None:
    records.update(lambda r: r.with_licence("film", FILM).seen(NOW))

    again = Records(folder, device, clock=lambda: NOW).read()

    assert again.licences == {"film": FILM}
    assert (again.high_water, again.counter, again.lost) == (NOW, 1, False)
    assert again.usage("film").first_play == NOW
    assert again.usage("film").plays == 2
    assert (folder.path / "record.json").stat().st_mode & 0o777 == 0o600


def test_each_write_counts_up_and_names_the_one_before(records: Records) -> None:
    first = records.update(count_play)
    second = records.update(count_play)

    assert (first.counter, second.counter) == (1, 2)
    assert (first.previous, len(second.previous)) == ("", 43)
    assert records.update(count_play).previous not in ("", second.previous)


def test_every_changed_byte_is_a_lost_record(records: Records, folder: ShopFolder) -> None:
    records.update(lambda r: r.with_licence("film", FILM))
    for name in ("record.json", "record.head"):
        file = folder.path / name
        good = file.read_bytes()
        for place in range(len(good)):
            file.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
            record = records.read()
            # White space between the members is no part of what is signed.
            assert record.lost or record.licences == {"film": FILM}, (name, place)
            if record.lost:
                assert not record.usage("film").known
        file.write_bytes(good)
    assert records.read().licences == {"film": FILM}


@pytest.mark.parametrize("name", ["record.json", "record.head"])
@pytest.mark.parametrize("left", [b"", b"{", b'{"record": "x"}', b"[1]", b"\xff\xfe", None])
def test_a_torn_or_missing_file_is_a_lost_record(
    records: Records, folder: ShopFolder, name: str, left: bytes | None
) -> None:
    records.update(lambda r: r.with_licence("film", FILM))
    if left is None:
        (folder.path / name).unlink()
    else:
        (folder.path / name).write_bytes(left)

    assert records.read().lost
    assert not records.read().usage("film").known


def test_an_older_record_put_back_is_a_lost_record(records: Records, folder: ShopFolder) -> None:
    records.update(lambda r: r.with_licence("film", FILM))
    old = (folder.path / "record.json").read_bytes()
    for _ in range(2):
        records.update(count_play)
        (folder.path / "record.json").write_bytes(old)
        assert records.read().lost
        records.update(count_play)


def test_the_whole_folder_put_back_is_not_seen(records: Records, folder: ShopFolder) -> None:
    # The limit that the threat model names: the shop sees the old lease counter.
    records.update(lambda r: r.with_licence("film", FILM))
    old = {f: f.read_bytes() for f in folder.path.iterdir()}
    records.update(count_play)
    for file, data in old.items():
        file.write_bytes(data)

    assert not records.read().lost
    assert records.read().licences == {"film": FILM}


def test_another_devices_record_is_a_lost_record(records: Records, folder: ShopFolder) -> None:
    records.update(lambda r: r.with_licence("film", FILM))

    assert Records(folder, make_device(), clock=lambda: NOW).read().lost


def test_a_head_does_not_pass_for_a_record(records: Records, folder: ShopFolder) -> None:
    records.update(lambda r: r.with_licence("film", FILM))
    (folder.path / "record.json").write_bytes((folder.path / "record.head").read_bytes())

    assert records.read().lost


def test_a_lost_record_begins_anew_and_each_licence_becomes_known_by_itself(
    records: Records, folder: ShopFolder
) -> None:
    for _ in range(3):
        records.update(count_play)
    (folder.path / "record.json").unlink()

    begun = records.update(lambda r: r.with_licence("other", FILM))

    assert begun.counter > 3
    assert begun.usage("other").known
    assert not records.read().usage("film").known
    assert records.update(lambda r: r.with_licence("film", FILM)).usage("film").known
    assert records.read().usage("film").known


@pytest.mark.parametrize("name", ["record.json", "record.head"])
def test_a_power_cut_between_the_two_writes_loses_nothing(
    records: Records, folder: ShopFolder, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.update(count_play)
    before = records.read()
    replaced = Path.replace

    def cut(self: Path, target: Path) -> Path:
        if target.name == name:
            raise OSError("the power is gone")
        return replaced(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(OSError, match="power"):
            records.update(count_play)

    after = records.read()
    assert not after.lost
    # Either the old record or the new one, and the chain goes on from it.
    assert after.counter == before.counter + (name == "record.head")
    assert records.update(count_play).counter == after.counter + 1
    assert not records.read().lost


def test_a_power_cut_at_the_very_first_write_loses_nothing(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = Path.replace

    def cut(self: Path, target: Path) -> Path:
        if target.name == "record.json":
            raise OSError("the power is gone")
        return replaced(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(OSError, match="power"):
            records.update(count_play)

    assert not records.read().lost
    assert records.update(count_play).counter == 1


def test_the_high_water_mark_only_rises_by_looking(records: Records) -> None:
    records.update(lambda r: r.seen(NOW))
    records.update(lambda r: r.seen(NOW - timedelta(days=1)))

    assert records.read().high_water == NOW


@pytest.mark.parametrize("off", [timedelta(days=-400), timedelta(days=400)])
def test_the_shops_signed_time_mends_a_wrong_clock(
    folder: ShopFolder, device: DeviceKeys, off: timedelta
) -> None:
    records = Records(folder, device, clock=lambda: NOW + off)
    records.update(lambda r: r.seen(NOW + off))

    records.believe(NOW)

    assert records.now() == NOW
    assert records.read().high_water == NOW


def test_a_clock_that_is_a_little_off_is_left_alone(folder: ShopFolder, device: DeviceKeys) -> None:
    records = Records(folder, device, clock=lambda: NOW)

    records.believe(NOW + timedelta(minutes=4))

    assert records.now() == NOW


def _play_often(path: Path, secret: bytes, times: int) -> None:
    os.fsync = lambda _: None  # type: ignore[assignment]
    device = DeviceKeys(
        name="laptop", identity=IdentityKey.from_bytes(secret), sealing=SealingKey.generate()
    )
    records = Records(ShopFolder(path), device, clock=lambda: NOW)
    for _ in range(times):
        records.update(count_play)


def test_no_write_is_lost_between_processes(
    records: Records, folder: ShopFolder, device: DeviceKeys
) -> None:
    start = multiprocessing.get_context("fork").Process
    secret = device.identity.to_bytes()
    players = [start(target=_play_often, args=(folder.path, secret, 20)) for _ in range(3)]
    for player in players:
        player.start()
    for player in players:
        player.join(30)

    record = records.read()
    assert (record.counter, record.licences["film"].plays) == (60, FILM.plays + 60)
