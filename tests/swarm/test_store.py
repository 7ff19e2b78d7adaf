from __future__ import annotations

import os
from pathlib import Path

import pytest

from seeder.errors import NotEnoughSpaceError, StoreError, TorrentError, UnsafeNameError
from seeder.store import Store
from tests.swarm.content import PIECE, Content, make_content


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "shop", [PIECE, 3 * PIECE])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_torrent_is_kept_and_found_by_its_package(
    store: Store, content: Content, tmp_path: Path
) -> None:
    store.keep_torrent(content.name, content.metainfo)

    again = Store(tmp_path / "store")

    assert again.torrent(content.name) == content.metainfo
    assert again.torrents() == {content.name: content.metainfo}
    assert again.file(content.name, 1) == tmp_path / "store/packages" / content.name / "00001"


def test_the_torrent_of_another_package_is_refused(store: Store, content: Content) -> None:
    with pytest.raises(TorrentError):
        store.keep_torrent("00" * 32, content.metainfo)

    assert store.torrents() == {}


@pytest.mark.parametrize("name", ["", "..", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_that_is_no_package_id_reaches_no_path(
    store: Store, content: Content, name: str
) -> None:
    with pytest.raises(UnsafeNameError):
        store.package_folder(name)
    with pytest.raises(UnsafeNameError):
        store.forget(name)
    with pytest.raises(UnsafeNameError):
        store.keep_torrent(name, content.metainfo)


def test_every_cut_of_a_torrent_counts_as_missing(
    store: Store, content: Content, tmp_path: Path
) -> None:
    store.keep_torrent(content.name, content.metainfo)
    path = tmp_path / "store" / "torrents" / f"{content.name}.torrent"

    for length in range(len(content.metainfo)):
        os.truncate(path, length) if length else path.write_bytes(b"")
        assert store.torrent(content.name) is None
        assert store.torrents() == {}
        path.write_bytes(content.metainfo)
    assert store.torrent(content.name) == content.metainfo


def test_strange_files_in_the_folder_are_passed_over(
    store: Store, content: Content, tmp_path: Path
) -> None:
    store.keep_torrent(content.name, content.metainfo)
    (tmp_path / "store/torrents/notes.torrent").write_text("hello")
    (tmp_path / "store/torrents" / ("0" * 64 + ".torrent")).write_bytes(content.metainfo)
    (tmp_path / "store/torrents" / ("1" * 64 + ".torrent")).mkdir()

    assert store.torrents() == {content.name: content.metainfo}


def test_forget_deletes_ciphertext_and_torrent_of_one_package(tmp_path: Path, store: Store) -> None:
    kept = make_content(store.save_path, [10], seed=1)
    gone = make_content(store.save_path, [10], seed=2)
    store.keep_torrent(kept.name, kept.metainfo)
    store.keep_torrent(gone.name, gone.metainfo)

    store.forget(gone.name)
    store.forget(gone.name)

    assert store.torrents() == {kept.name: kept.metainfo}
    assert [path.name for path in store.save_path.iterdir()] == [kept.name]


def test_only_what_was_written_counts_as_on_disk(store: Store) -> None:
    content = make_content(store.save_path, [PIECE])
    with content.file(1).open("wb") as sparse:
        sparse.truncate(10**9)

    assert PIECE <= store.on_disk(content.name) < 10**8
    assert store.on_disk("0" * 64) == 0


def test_too_little_space_is_said_before_the_download(store: Store) -> None:
    store.require_space(0)

    with pytest.raises(NotEnoughSpaceError, match=r"1000000000\.00 GB are needed .* Free some"):
        store.require_space(10**18)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="choose another folder"):
        Store(tmp_path / "file" / "store")


def test_a_shop_fills_no_more_than_it_may(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", most=lambda: 3 * PIECE)
    make_content(store.save_path, [PIECE, 10])

    assert store.used() == PIECE + 10
    assert store.free() == 2 * PIECE - 10
    store.require_space(2 * PIECE - 10)
    with pytest.raises(NotEnoughSpaceError, match="allow it more with: geobuk store limit"):
        store.require_space(2 * PIECE)


def test_what_is_full_is_said(tmp_path: Path) -> None:
    most = 3 * PIECE
    store = Store(tmp_path / "store", most=lambda: most)
    make_content(store.save_path, [3 * PIECE])

    assert store.free() == 0
    assert "has filled the 0.2 MB that it may take" in store.why_full()
    most = 4 * PIECE
    assert store.free() == PIECE
    assert "The disk of" in store.why_full()
