from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seeder.pieces import is_genuine, pieces_of
from seeder.scrubbing import BackgroundScrub, Finding, Scrubber, WholePackage
from tests.swarm.content import PIECE, Content, make_content

DAY = 86_400.0
MONTH = 30 * DAY
NOW = 1_790_000_000.0


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "store", [2 * PIECE + 9, 5, PIECE])


def whole(content: Content) -> WholePackage:
    return WholePackage(
        content.info_hash, content.save_path / content.name, lambda: content.metainfo
    )


def overwrite(content: Content, index: int, offset: int, data: bytes = b"rot") -> None:
    """Change bytes as a disk does: size and time stay."""
    path = content.file(index)
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def pass_over(
    scrubber: Scrubber, packages: dict[str, WholePackage], *, now: float
) -> list[tuple[str, int, Finding | None]]:
    """Step until nothing is due any more."""
    steps = []
    while (package := scrubber.due(packages, now=now)) is not None:
        steps.append((package, *scrubber.step(package, packages[package], now=now)))
        if steps[-1][2] is not None:
            packages = {name: at for name, at in packages.items() if name != package}
    return steps


def test_every_piece_of_every_file_is_one_of_the_torrent(content: Content) -> None:
    pieces = list(pieces_of(content.metainfo))

    assert [(p.number, p.file, p.offset, p.size) for p in pieces] == [
        (0, "00000", 0, PIECE),
        (1, "00000", PIECE, PIECE),
        (2, "00000", 2 * PIECE, 9),
        (3, "00001", 0, 5),
        (4, "00002", 0, PIECE),
    ]
    assert all(is_genuine(piece, content.save_path / content.name) for piece in pieces)


@pytest.mark.parametrize(
    ("index", "offset", "bad"),
    [(0, 0, 0), (0, PIECE - 3, 0), (0, PIECE, 1), (0, 2 * PIECE + 6, 2), (1, 2, 3), (2, 0, 4)],
)
def test_changed_bytes_are_found_in_their_piece_alone(
    content: Content, index: int, offset: int, bad: int
) -> None:
    overwrite(content, index, offset)

    genuine = [is_genuine(p, content.save_path / content.name) for p in pieces_of(content.metainfo)]

    assert [number for number, good in enumerate(genuine) if not good] == [bad]


def test_a_file_that_is_cut_or_missing_is_not_genuine(content: Content) -> None:
    os.truncate(content.file(0), 2 * PIECE)
    content.file(2).unlink()

    genuine = [is_genuine(p, content.save_path / content.name) for p in pieces_of(content.metainfo)]

    assert genuine == [True, True, False, True, False]


def test_a_pass_reads_each_piece_once_and_the_next_comes_a_month_later(
    tmp_path: Path, content: Content
) -> None:
    scrubber, packages = Scrubber(tmp_path / "scrub.json"), {content.name: whole(content)}

    first = pass_over(scrubber, packages, now=NOW)

    assert [size for _package, size, _finding in first] == [PIECE, PIECE, 9, 5, PIECE, 0]
    assert [finding for *_rest, finding in first] == [None] * 6
    assert pass_over(scrubber, packages, now=NOW + MONTH - 1) == []
    assert len(pass_over(scrubber, packages, now=NOW + MONTH)) == 6


def test_it_goes_on_where_it_was_after_kill_9(tmp_path: Path, content: Content) -> None:
    packages = {content.name: whole(content)}
    before = Scrubber(tmp_path / "scrub.json")
    for _ in range(3):
        before.step(content.name, packages[content.name], now=NOW)
    before.remember()

    after = pass_over(Scrubber(tmp_path / "scrub.json"), packages, now=NOW)

    assert [size for _package, size, _finding in after] == [5, PIECE, 0]


def test_the_longest_unchecked_package_comes_first(tmp_path: Path) -> None:
    old, new, never = (make_content(tmp_path / "store", [10], seed=seed) for seed in (1, 2, 3))
    scrubber = Scrubber(tmp_path / "scrub.json")
    pass_over(scrubber, {old.name: whole(old)}, now=NOW)
    pass_over(scrubber, {new.name: whole(new)}, now=NOW + DAY)
    packages = {content.name: whole(content) for content in (new, old, never)}

    steps = pass_over(scrubber, packages, now=NOW + DAY + MONTH)

    assert [package for package, size, _finding in steps if size] == [
        never.name,
        old.name,
        new.name,
    ]


def test_a_rotten_piece_is_found_once_and_the_package_is_left_to_the_session(
    tmp_path: Path, content: Content
) -> None:
    scrubber, packages = Scrubber(tmp_path / "scrub.json"), {content.name: whole(content)}
    overwrite(content, 0, PIECE + 7)

    steps = pass_over(scrubber, packages, now=NOW)

    found = Finding(content.name, content.info_hash, 1, "is not what was bought")
    assert [finding for *_rest, finding in steps] == [None, found]
    # The session hashed and mended it: that was a pass.
    assert pass_over(scrubber, packages, now=NOW + DAY) == []


def test_a_disk_that_cannot_be_read_is_said(tmp_path: Path, content: Content) -> None:
    content.file(1).unlink()
    content.file(1).mkdir()

    steps = pass_over(Scrubber(tmp_path / "scrub.json"), {content.name: whole(content)}, now=NOW)

    assert [finding.reason for *_rest, finding in steps if finding] == [
        "cannot be read (Is a directory)"
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"at": 3, "checked": 4}', '{"at": {"piece": -1}, "checked": {"a": "b"}}']
)
def test_a_memory_that_is_torn_means_to_begin_anew(
    tmp_path: Path, content: Content, text: str
) -> None:
    (tmp_path / "scrub.json").write_text(text)

    steps = pass_over(Scrubber(tmp_path / "scrub.json"), {content.name: whole(content)}, now=NOW)

    assert len(steps) == 6


def test_a_clock_that_was_ahead_delays_nothing(tmp_path: Path, content: Content) -> None:
    packages = {content.name: whole(content)}
    pass_over(Scrubber(tmp_path / "scrub.json"), packages, now=NOW + 9 * MONTH)

    assert len(pass_over(Scrubber(tmp_path / "scrub.json"), packages, now=NOW)) == 6


def run_until(
    tmp_path: Path, content: Content, event: threading.Event, **more: Callable[..., object]
) -> None:
    scrub = BackgroundScrub(
        Scrubber(tmp_path / "scrub.json"),
        packages=lambda: {content.name: whole(content)},
        clock=lambda: NOW,
        rate=10**9,
        **more,  # type: ignore[arg-type]  # callables of other kinds
    )
    with scrub:
        assert event.wait(10)


def test_in_the_background_it_finds_what_is_rotten(tmp_path: Path, content: Content) -> None:
    overwrite(content, 2, 100)
    heard, found = threading.Event(), []

    def hear(finding: Finding) -> None:
        found.append(finding.piece)
        heard.set()

    run_until(tmp_path, content, heard, found=hear, busy=lambda: False)

    assert found == [4]


def test_what_is_missing_since_the_disk_was_pulled_out_is_no_finding(
    tmp_path: Path, content: Content
) -> None:
    content.file(0).unlink()
    found: list[Finding] = []
    asked, there = threading.Event(), [{content.name: whole(content)}]

    def packages() -> dict[str, WholePackage]:
        if there:
            return there.pop()
        asked.set()
        return {}

    scrubber = Scrubber(tmp_path / "scrub.json")
    with BackgroundScrub(
        scrubber, packages=packages, found=found.append, clock=lambda: NOW, busy=lambda: False
    ):
        assert asked.wait(10)

    assert found == []
    assert scrubber.due({content.name: whole(content)}, now=NOW) == content.name


def test_under_load_it_reads_a_piece_and_waits(tmp_path: Path, content: Content) -> None:
    asked = threading.Event()

    def busy() -> bool:
        asked.set()
        return True

    run_until(tmp_path, content, asked, found=lambda _finding: None, busy=busy)

    left = pass_over(Scrubber(tmp_path / "scrub.json"), {content.name: whole(content)}, now=NOW)
    assert len(left) == 5  # of six: it was stopped in its pause, and remembers the first piece
