from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.text import (
    FILENAME_MAX_BYTES,
    clean_filename,
    clean_line,
    clean_text,
    render_markdown,
    search_form,
    spreadsheet_cell,
)

_OURS = {
    *[
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "strong",
    ]
} | {*["table", "tbody", "td", "th", "thead", "tr", "ul"]}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


# Lone surrogates too: JSON and URLs can carry them.
anything = st.text(st.characters(exclude_categories=()), max_size=120)


@given(anything)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    for clean in (clean_text, clean_line, clean_filename, search_form):
        once = clean(text)

        assert clean(once) == once, clean.__name__


@given(anything)
def test_clean_text_can_be_stored_and_shown(text: str) -> None:
    cleaned = clean_text(text)

    cleaned.encode()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not {c for c in cleaned if unicodedata.category(c) == "Cc"} - {"\n", "\t"}


@given(anything)
def test_a_clean_filename_is_safe_on_every_system(name: str) -> None:
    cleaned = clean_filename(name)

    assert 0 < len(cleaned.encode()) <= FILENAME_MAX_BYTES
    assert not set(cleaned) & set('/\\<>:"|?*\x00\n\t')
    assert cleaned == cleaned.strip(". ")
    assert cleaned.split(".")[0].upper() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT1"}


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        (unicodedata.normalize("NFD", "한글 노래.flac"), "한글 노래.flac"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\film.mp4", "film.mp4"),
        ('say "hi"?.txt', "say _hi__.txt"),
        ("fdp\u202e4pm.exe", "fdp4pm.exe"),
        ("..", "file"),
        ("", "file"),
        ("nul.txt", "_nul.txt"),
        ("a" * 400 + ".mp4", "a" * 196 + ".mp4"),
        ("가" * 400 + ".mp4", "가" * 65 + ".mp4"),
        ("a\x00b\x1bc.zip", "abc.zip"),
    ],
)
def test_odd_names(name: str, cleaned: str) -> None:
    assert clean_filename(name) == cleaned


@given(anything)
def test_search_sees_no_difference_of_case_or_form(text: str) -> None:
    form = search_form(text)

    assert search_form(unicodedata.normalize("NFD", text)) == form
    assert search_form(unicodedata.normalize("NFKC", text)) == form


def test_search_form_folds_width_and_case() -> None:
    assert search_form("  ＳＴＲＡＳＳＥ\u3000Straße ") == "strasse strasse"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHN2Zz4=)",
        "![x](https://tracker.example/p.png)",
        '[x](https://a.example "\\" onmouseover=alert(1)")',
        "<svg/onload=alert(1)>",
        "`<script>`",
    ],
)
def test_markdown_shows_html_as_text(hostile: str) -> None:
    _assert_harmless(render_markdown(hostile))


@given(anything)
def test_markdown_of_anything_has_only_our_tags(text: str) -> None:
    _assert_harmless(render_markdown(text))


def _assert_harmless(html: str) -> None:
    seen = _Tags()
    seen.feed(html)
    for tag, attributes in seen.found:
        assert tag in _OURS
        assert set(attributes) <= {"href", "title", "rel", "start", "align", "lang"}
        assert attributes.get("href", "https://").partition(":")[0] not in {"javascript", "data"}


def test_markdown_keeps_what_sellers_need() -> None:
    html = render_markdown(
        "# Side A\n\n**두 곡** and [a link](https://a.example)\n\n| a |\n|-|\n| b |"
    )

    assert "<h3>Side A</h3>" in html
    assert "<strong>두 곡</strong>" in html
    assert 'rel="nofollow noopener noreferrer ugc"' in html
    assert "<td>b</td>" in html


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# a", "3"),
        ("## a", "3"),
        ("### a\n# b\n## c", "334"),
        ("# a\n###### b\n# c", "343"),
        ("# a\n## b\n### c\n#### d\n##### e\n###### f", "345666"),
    ],
)
def test_headings_leave_no_gap_below_the_pages_own(text: str, levels: str) -> None:
    assert "".join(re.findall(r"<h(\d)>", render_markdown(text))) == levels


@pytest.mark.parametrize("first", "=+-@＝＋－＠﹢﹣﹦﹫⁼⁺⁻")
@pytest.mark.parametrize(
    "before", ["", " ", "\t", "\r", "\n", "\r\n", "\u00a0", "\u200b", "\ufeff", "\x00"]
)
def test_no_cell_begins_as_a_formula(before: str, first: str) -> None:
    cell = spreadsheet_cell(f"{before}{first}1+1")

    assert cell.startswith("'")
    assert cell.endswith(f"{first}1+1")


@pytest.mark.parametrize("break_", ["\t", "\r", "\n", "\r\n", "\x0b", "\u2028"])
def test_no_cell_is_cut_in_two(break_: str) -> None:
    assert spreadsheet_cell(f"국민은행{break_}=1+1") == "국민은행 =1+1"


@pytest.mark.parametrize("text", ["", "밤의 노래", "110-222-333444", "’t", "3 = 4", "(=)", "  "])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert spreadsheet_cell(text) == text
