"""Text from people: one Unicode form, no control or direction tricks; Markdown made safe."""

from __future__ import annotations

import unicodedata

import nh3
from markdown_it import MarkdownIt

__all__ = ["clean_filename", "clean_line", "clean_text", "render_markdown", "search_form"]

# Direction overrides and isolates can make "exe.mp4" read as something else.
_DIRECTION = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0xFEFF])
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
FILENAME_MAX_BYTES = 200


def clean_text(text: str) -> str:
    """NFC, without control characters (line breaks and tabs stay) and direction overrides."""
    composed = unicodedata.normalize("NFC", text).translate(_DIRECTION)
    return "".join(c for c in composed if c in "\n\t" or unicodedata.category(c) != "Cc")


def clean_line(text: str) -> str:
    """One line: as clean_text, with every run of white space made one space."""
    return " ".join(clean_text(text).split())


def clean_filename(name: str) -> str:
    """A name to show and to save under on any system: no folders, no quotes, ≤ 200 bytes.

    macOS sends Hangul decomposed (NFD); it comes out composed. The ending is kept
    where the name has to be cut.
    """
    base = clean_line(name.replace("\\", "/").rsplit("/", 1)[-1])
    base = "".join("_" if c in '<>:"|?*\x00' else c for c in base).strip(". ")
    if not base:
        return "file"
    stem, dot, ending = base.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, ending = base, ""
    room = FILENAME_MAX_BYTES - len((dot + ending).encode() if ending else b"")
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(". ") or "file"
    return f"{stem}.{ending}" if ending else stem


def search_form(text: str) -> str:
    """The form in which texts are compared in search: NFKC, case folded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def render_markdown(text: str) -> str:
    """CommonMark with tables to HTML that is safe to show: no raw HTML, no scripts, no images."""
    html = _MARKDOWN.render(clean_text(text))
    return nh3.clean(html, tags=_TAGS, link_rel="nofollow noopener noreferrer ugc")
