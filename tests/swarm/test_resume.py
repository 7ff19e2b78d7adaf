from __future__ import annotations

import os
from pathlib import Path

import pytest

from seeder.files import previous_path
from seeder.resume import ResumeData, ResumeFolder, file_times

HASH = "ab" * 32


@pytest.fixture
def content(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "00000", tmp_path / "00001"]
    paths[0].write_bytes(b"ciphertext")
    return paths  # the second file is not there yet


def end_in_order(folder: Path, content: list[Path], *payloads: bytes) -> None:
    resume = ResumeFolder(folder)
    for payload in payloads:
        resume.save(HASH, payload, file_times(content))
    resume.mark_clean()


def test_what_was_saved_before_an_orderly_end_is_trusted(
    tmp_path: Path, content: list[Path]
) -> None:
    end_in_order(tmp_path / "state", content, b"one\nof\nmany lines")

    found = ResumeFolder(tmp_path / "state").load(HASH, content)

    assert found == ResumeData(b"one\nof\nmany lines", trusted=True)


def test_after_an_unclean_stop_nothing_is_trusted(tmp_path: Path, content: list[Path]) -> None:
    end_in_order(tmp_path / "state", content, b"payload")
    ResumeFolder(tmp_path / "state")  # began, and never came to its end

    found = ResumeFolder(tmp_path / "state").load(HASH, content)

    assert found == ResumeData(b"payload", trusted=False)


def test_what_the_last_session_was_unsure_of_is_not_trusted(
    tmp_path: Path, content: list[Path]
) -> None:
    other = "cd" * 32
    resume = ResumeFolder(tmp_path / "state")
    for info_hash in (HASH, other):
        resume.save(info_hash, b"payload", file_times(content))
    resume.mark_clean(unsure=[other])

    again = ResumeFolder(tmp_path / "state")

    assert again.load(HASH, content) == ResumeData(b"payload", trusted=True)
    assert again.load(other, content) == ResumeData(b"payload", trusted=False)


@pytest.mark.parametrize(
    ("marker", "trusted"), [(b"", True), (b"[]", True), (b"[", False), (b"3", False)]
)
def test_a_marker_that_is_torn_is_none(
    tmp_path: Path, content: list[Path], marker: bytes, trusted: bool
) -> None:
    end_in_order(tmp_path / "state", content, b"payload")
    (tmp_path / "state" / "ended-in-order").write_bytes(marker)

    assert ResumeFolder(tmp_path / "state").load(HASH, content) == ResumeData(
        b"payload", trusted=trusted
    )


def test_saved_files_are_made_to_last_before_the_marker(
    tmp_path: Path, content: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    resume = ResumeFolder(tmp_path / "state")
    hashes = [f"{number:064x}" for number in range(40)]
    for info_hash in hashes:
        resume.save(info_hash, b"payload", file_times(content))
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    resume.mark_clean()

    assert set(synced[:40]) == {f"{info_hash}.resume" for info_hash in hashes}
    assert synced[40:] == ["state", "ended-in-order.new", "state"]


def test_a_file_of_another_size_time_or_presence_is_not_trusted(
    tmp_path: Path, content: list[Path]
) -> None:
    end_in_order(tmp_path / "state", content, b"payload")
    resume = ResumeFolder(tmp_path / "state")
    before = content[0].stat()

    content[0].write_bytes(b"ciphertexts")
    assert resume.load(HASH, content) == ResumeData(b"payload", trusted=False)
    content[0].write_bytes(b"ciphertexT")
    os.utime(content[0], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert resume.load(HASH, content) == ResumeData(b"payload", trusted=False)
    os.utime(content[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert resume.load(HASH, content) == ResumeData(b"payload", trusted=True)
    content[1].write_bytes(b"")
    assert resume.load(HASH, content) == ResumeData(b"payload", trusted=False)


def test_pieces_that_were_not_known_are_not_trusted(tmp_path: Path, content: list[Path]) -> None:
    resume = ResumeFolder(tmp_path / "state")
    resume.save(HASH, b"payload", None)
    resume.mark_clean()

    assert ResumeFolder(tmp_path / "state").load(HASH, content) == ResumeData(
        b"payload", trusted=False
    )


def test_every_cut_and_every_flipped_byte_falls_back_to_the_former_copy(
    tmp_path: Path, content: list[Path]
) -> None:
    end_in_order(tmp_path / "state", content, b"former", b"newest")
    resume = ResumeFolder(tmp_path / "state")
    path = tmp_path / "state" / f"{HASH}.resume"
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert resume.load(HASH, content) == ResumeData(b"former", trusted=False)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x80
        path.write_bytes(changed)
        assert resume.load(HASH, content) == ResumeData(b"former", trusted=False)
    path.write_bytes(whole)
    assert resume.load(HASH, content) == ResumeData(b"newest", trusted=True)


def test_nothing_readable_and_nothing_known_is_none(tmp_path: Path, content: list[Path]) -> None:
    end_in_order(tmp_path / "state", content, b"former", b"newest")
    resume = ResumeFolder(tmp_path / "state")
    path = tmp_path / "state" / f"{HASH}.resume"
    path.write_bytes(b"")
    previous_path(path).write_bytes(b"geobuk-resume-1\nnull\n")

    assert resume.load(HASH, content) is None
    assert resume.load("cd" * 32, content) is None
    resume.forget(HASH)
    assert not path.exists()
    assert not previous_path(path).exists()
