"""Translations without GNU gettext: `collect` the strings into locale/, `compile` them.

The catalogues (.po) are in the repository, the compiled ones (.mo) are not.
A .po holds neither line numbers nor dates, so it changes only where words do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

__all__ = [
    "LANGUAGES",
    "catalogue_file",
    "collect",
    "compile_all",
    "find_strings",
    "read_catalogue",
    "texts",
]

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "locale"
DOMAIN = "django"
LANGUAGES = ["ko"]
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "gettext_noop": None, "npgettext": ((1, "c"), 2, 3), "npgettext_lazy": ((1, "c"), 2, 3),
}  # fmt: skip
HEADER = "# The shop's words in this language; scripts/messages.py collects and compiles them."
# Of the header that Babel writes: what would change at every run, and what says nothing.
LEFT_OUT = (
    b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Report-Msgid-Bugs-To',
    b'"Last-Translator', b'"Language-Team',
)  # fmt: skip


def catalogue_file(language: str) -> Path:
    """Where the translations into one language are kept."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read_catalogue(language: str) -> Catalog:
    """The translations as they are in the repository; empty where there are none yet."""
    path = catalogue_file(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def find_strings() -> Catalog:
    """Every string of the code and the templates that a person may see."""
    found = Catalog()
    sources: list[tuple[str, list[tuple[str, Any]]]] = [
        ("marketplace", [("**.py", "python")]),
        ("templates", [("**.html", _extract_template), ("**.txt", _extract_template)]),
    ]
    for folder, methods in sources:
        rows = extract_from_dir(ROOT / folder, method_map=methods, keywords=KEYWORDS)
        for name, line, message, comments, context in sorted(rows, key=lambda row: row[:2]):
            place = [(f"{folder}/{name}", line)]
            found.add(message, None, place, auto_comments=comments, context=context)
    return found


def collect() -> None:
    """Bring every .po up to date with the strings of the code and the templates."""
    found = find_strings()
    for language in LANGUAGES:
        known = read_catalogue(language)
        known.update(found, no_fuzzy_matching=True)
        known.obsolete.clear()
        path = catalogue_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_as_file(known))
        missing = [m.id for m in known if m.id and not all(texts(m.string))]
        print(f"{language}: {len(known)} strings, {len(missing)} without a translation")


def compile_all(into: Path = LOCALE) -> None:
    """Write each .po as the .mo that Django reads, under the folder `into`."""
    for language in LANGUAGES:
        path = into / catalogue_file(language).relative_to(LOCALE).with_suffix(".mo")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_mo(file, read_catalogue(language))


def _extract_template(
    fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[Any]:
    """Babel's extraction protocol: Django's own rewriting of a template to calls of gettext."""
    source = templatize(fileobj.read().decode(), origin=None)
    # What stands between the calls is blanked out, but its indentation is not Python's.
    source = "\n".join(line.strip() for line in source.splitlines())
    yield from extract_python(BytesIO(source.encode()), keywords, comment_tags, options)


def _as_file(catalogue: Catalog) -> bytes:
    catalogue.header_comment = HEADER
    catalogue.fuzzy = False
    catalogue.project, catalogue.version = "Geobuk", "1"
    sink = BytesIO()
    write_po(sink, catalogue, width=100, sort_output=True, include_lineno=False)
    return b"".join(
        line for line in sink.getvalue().splitlines(keepends=True) if not line.startswith(LEFT_OUT)
    )


def texts(string: Any) -> list[str]:
    """The forms of a translation, one or as many as the language has plurals; "" is none yet."""
    forms = string if isinstance(string, tuple | list) else [string]
    return [text or "" for text in forms]


if __name__ == "__main__":
    {"collect": collect, "compile": compile_all}[sys.argv[1]]()
