"""What every command shares: options, the way errors are said, and JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Annotated, Any

import typer

__all__ = [
    "JsonOption",
    "PeerOption",
    "ShopOption",
    "emit",
    "reporting",
    "say",
    "show_size",
    "stop_on_sigterm",
]

INTERRUPTED = 130  # what a shell expects after Ctrl-C

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of words.")
]
PeerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="HOST:PORT",
        help="After a shop's end: a buyer to fetch from. May be given several times.",
    ),
]
ShopOption = Annotated[
    str | None,
    typer.Option("--shop", metavar="URL", help="Which shop, where you use several."),
]


def say(text: str) -> None:
    """A sentence for the person; never on stdout, which may be read by a program."""
    typer.echo(text, err=True)


def emit(value: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_size(count: float) -> str:
    """1 KB is 1,000 bytes, as in the shop."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@contextlib.contextmanager
def reporting(as_json: bool) -> Iterator[None]:
    """Turn what goes wrong into a sentence or a JSON object, and an exit code.

    1 for a refusal or failure, 130 for Ctrl-C. Anything unforeseen keeps its traceback.
    """
    from drm.errors import DrmError
    from seeder.errors import SeederError

    try:
        yield
    except (SeederError, DrmError) as error:
        _fail(error.code, str(error), as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `geobuk library | head`.
        sys.stderr.close()
        raise typer.Exit(1) from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or type(error).__name__
        _fail("system", f"The system refused: {reason}{where}.", as_json=as_json)


def _fail(code: str, message: str, *, as_json: bool) -> None:
    if as_json:
        emit({"error": {"code": code, "message": message}})
    else:
        say(message)
    raise typer.Exit(1)


def stop_on_sigterm() -> None:
    """Let `kill` end a command as cleanly as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    # A shell starts background jobs with SIGINT ignored; a supervisor still sends it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
