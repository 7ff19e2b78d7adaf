"""Text from people: one Unicode form, no control or direction tricks; Markdown made safe."""

from __future__ import annotations

import re
import unicodedata

import nh3
from markdown_it import MarkdownIt

__all__ = [
    "can_be_seen",
    "clean_filename",
    "clean_line",
    "clean_text",
    "render_markdown",
    "search_form",
    "spreadsheet_cell",
]

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
# Direction marks, overrides and isolates can make "exe.mp4" read as something else.
_DIRECTION = frozenset(
    map(chr, [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
)
_LINE_ENDS = re.compile("\r\n?|[\u0085\u2028\u2029]")
# Windows opens a device under these names, whatever the ending.
_DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
# Letters and symbols that Unicode counts as such and draws as nothing: the fillers of
# Hangul, and the empty pattern of Braille.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
FILENAME_MAX_BYTES = 200
ENDING_MAX_BYTES = 16
TOP_HEADING = 3
_FORMULA = frozenset(
    "=+-@\u2212"
)  # what a formula begins with; the last is a minus of typographers


def clean_text(text: str) -> str:
    """NFC, with \n as the only line end; no control, direction or half characters."""
    unified = _LINE_ENDS.sub("\n", text)
    kept = "".join(
        c
        for c in unified
        if c in "\n\t" or not (c in _DIRECTION or unicodedata.category(c) in {"Cc", "Cs"})
    )
    # Composing comes last: taking a character away can bring a letter and its accent together.
    return unicodedata.normalize("NFC", kept)


def clean_line(text: str) -> str:
    """One line: as clean_text, with every run of white space made one space."""
    return " ".join(clean_text(text).split())


def can_be_seen(text: str) -> bool:
    """Whether anything in `text` leaves ink: a name of zero-width characters is none."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in _BLANK for c in text)


def clean_filename(name: str) -> str:
    """A name to show and to save under on any system: no folders, no quotes, ≤ 200 bytes.

    macOS sends Hangul decomposed (NFD); it comes out composed. The ending is kept
    where the name has to be cut. Cleaning a clean name changes nothing.
    """
    base = clean_line(name.replace("\\", "/").rsplit("/", 1)[-1])
    base = "".join("_" if c in '<>:"|?*' else c for c in base).strip(". ")
    if _DEVICE_NAMES.match(base):
        base = f"_{base}"
    stem, dot, ending = base.rpartition(".")
    if not dot or len(ending.encode()) > ENDING_MAX_BYTES:
        stem, ending = base, ""
    room = FILENAME_MAX_BYTES - (len(ending.encode()) + 1 if ending else 0)
    # Cut at a whole character: what is left of a torn one is dropped.
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(". ") or "file"
    return f"{stem}.{ending}" if ending else stem


def spreadsheet_cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula, or cuts in two.

    After OWASP, "CSV injection": what begins with one of =+-@, in whatever width it is written
    and behind whatever blanks, gets an apostrophe; tabs and line ends become spaces.
    """
    flat = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)
    seen = next((c for c in flat if unicodedata.category(c)[0] not in "CZ"), "")
    # Excel in Japanese, Korean and Chinese reads the full-width forms as the others.
    risky = unicodedata.normalize("NFKC", seen)[:1] in _FORMULA if seen else False
    return f"'{flat}" if risky else flat


def search_form(text: str) -> str:
    """The form in which texts are compared in search: NFKC, case folded, single spaces.

    Folding and composing twice is Unicode's toNFKC_Casefold (section 3.13, D146):
    once would leave some letters in two forms.
    """
    form = unicodedata.normalize("NFD", clean_text(text))
    for _round in range(2):
        form = unicodedata.normalize("NFKC", form.casefold())
    return " ".join(form.split())


def render_markdown(text: str) -> str:
    """CommonMark with tables to HTML that is safe to show: no raw HTML, no scripts, no images.

    Headings stand below the page's own h1 and h2, without a gap between levels.
    """
    tokens = _MARKDOWN.parse(clean_text(text))
    opening = [token for token in tokens if token.type == "heading_open"]
    closing = [token for token in tokens if token.type == "heading_close"]
    ranks = sorted({token.tag for token in opening})
    level = TOP_HEADING - 1
    for begin, end in zip(opening, closing, strict=True):
        # A screen reader's outline may go deeper by one step at a time only.
        level = min(TOP_HEADING + ranks.index(begin.tag), level + 1, 6)
        begin.tag = end.tag = f"h{level}"
    html = str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
    return nh3.clean(html, tags=_TAGS, link_rel="nofollow noopener noreferrer ugc")
