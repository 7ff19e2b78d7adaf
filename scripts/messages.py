"""Translations without GNU gettext: `collect` the strings into locale/, `compile` them.

The catalogues (.po) are in the repository, the compiled ones (.mo) are not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = "django"
LANGUAGES = ["ko"]
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "gettext_noop": None, "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip


def _catalogue(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _extract_template(fileobj, keywords, comment_tags, options):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Babel's extraction protocol: Django's own rewriting of a template to calls of gettext."""
    from io import BytesIO

    from babel.messages.extract import extract_python

    source = templatize(fileobj.read().decode(), origin=None)
    yield from extract_python(BytesIO(source.encode()), keywords, comment_tags, options)


def collect() -> None:
    """Bring every .po up to date with the strings of the code and the templates."""
    found = Catalog(project="Geobuk", version="1")
    for folder, methods in [
        ("marketplace", [("**.py", "python")]),
        ("templates", [("**.html", _extract_template), ("**.txt", _extract_template)]),
    ]:
        rows = extract_from_dir(ROOT / folder, method_map=methods, keywords=KEYWORDS)
        for name, line, message, comments, context in rows:
            place = [(f"{folder}/{name}", line)]
            found.add(message, None, place, auto_comments=comments, context=context)
    for language in LANGUAGES:
        path = _catalogue(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        known = Catalog(locale=language)
        if path.exists():
            with path.open("rb") as file:
                known = read_po(file, locale=language)
        known.update(found, no_fuzzy_matching=True)
        known.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, known, width=100, sort_output=True, include_lineno=False)
        missing = [m.id for m in known if m.id and not m.string]
        print(f"{language}: {len(known)} strings, {len(missing)} without a translation")


def compile_all() -> None:
    """Write the .mo beside each .po."""
    for path in sorted(ROOT.glob(f"locale/*/LC_MESSAGES/{DOMAIN}.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.parts[-3])
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)


if __name__ == "__main__":
    {"collect": collect, "compile": compile_all}[sys.argv[1]]()
