"""Documents that list things list all of them, and nothing that is gone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400  # lines of a module; what is longer is two things
LONGEST_TEST = 550  # a list of cases may go on longer than a thought
GENERATED = "migrations"


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_the_tree_in_the_architecture_document_is_the_tree() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    drawn = re.search(r"<!-- tree -->\n```\n(.*?)```", text, re.DOTALL)
    assert drawn is not None
    told = {
        match[1] for line in drawn[1].splitlines() if (match := re.match(r"(\S+/)\s{2,}\S", line))
    }

    packages = {
        f"{path.parent.relative_to(ROOT)}/"
        for path in _tracked("*/__init__.py")
        if not {"tests", "migrations", "management", "commands", "templatetags"} & set(path.parts)
    }
    folders = {f"{path.relative_to(ROOT).parts[0]}/" for path in _tracked() if path.parent != ROOT}

    assert packages <= told
    assert {f"{name}" for name in folders if not name.startswith(".")} <= told
    assert {name for name in told if not (ROOT / name).is_dir()} == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for path in _tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)} -> {target}")
    assert broken == []


def test_every_test_that_a_document_names_is_there() -> None:
    gone = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in _tracked("*.md")
        for named in re.findall(r"`(tests/[\w./-]+)`", path.read_text())
        if not (ROOT / named).exists()
    ]
    assert gone == []


def test_modules_stay_small_rooms() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _tracked("*.py")
        if GENERATED not in path.parts
        and (lines := path.read_text().count("\n"))
        > (LONGEST_TEST if path.relative_to(ROOT).parts[0] == "tests" else LONGEST)
    }
    assert long == {}


def test_no_document_or_lock_file_names_a_registry_or_a_path_of_a_machine() -> None:
    secrets = (
        r"files\.pythonhosted",
        r"registry\.npmjs",
        r"deb\.debian",
        r"(?<![\w.])/(root|home|work)/",
    )
    told = [
        f"{path.relative_to(ROOT)}: {pattern}"
        for path in _tracked("*.md", "*.txt", "*.json", "*.toml", "Makefile", "*.sh", "*.po")
        for pattern in secrets
        if re.search(pattern, path.read_text())
    ]
    assert told == []
