from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeder.saving import LONGEST_NAME, safe_name


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("노래.flac", "노래.flac"),
        (unicodedata.normalize("NFD", "노래.flac"), "노래.flac"),  # as macOS writes it
        ("a/b\\c.txt", "a_b_c.txt"),
        ('say "hi": <ok>?.txt', "say _hi__ _ok__.txt"),
        ("‮4pm.exe", "4pm.exe"),
        ("..", "file"),
        ("", "file"),
        (" .hidden. ", "hidden"),
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
        ("tab\tnew\nline", "tabnewline"),
    ],
)
def test_names_on_disk(name: str, saved: str) -> None:
    assert safe_name(name, fallback="file") == saved


def test_a_long_name_keeps_its_ending() -> None:
    saved = safe_name("거북" * 200 + ".flac", fallback="file")

    assert saved.endswith(("북.flac", "거.flac"))
    assert len(saved.encode()) <= LONGEST_NAME


@given(st.text(max_size=300))
def test_no_name_leaves_its_folder(name: str) -> None:
    saved = safe_name(name, fallback="file")

    assert saved not in {"", ".", ".."}
    assert not set(saved) & set("/\\\0")
    assert len(saved.encode()) <= LONGEST_NAME + 1
