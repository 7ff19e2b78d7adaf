"""The player's pages and files:

/p/<token>/                    the page
/p/<token>/state               why bytes stopped coming, for the page
/p/<token>/sharing             what this machine sends meanwhile, for the page
/p/<token>/<index>/<name>      a file; the name is for players' title bars
/static/<file>                 style, script, and the mark
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from seeder.errors import LicenceRefusedError
from seeder.web.files import FileAnswer, kind_of
from seeder.web.guard import Guard
from seeder.web.plays import ExpiredPlayError, Play, Plays, UnknownPlayError
from seeder.web.sharing import page_size, tell_sharing_page
from seeder.web.terms import tell_page
from seeder.web.texts import TEXTS, choose_language

__all__ = ["file_path", "make_app", "page_path"]

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["size"] = page_size
    return environment


def page_path(token: str) -> str:
    return f"/p/{token}/"


def file_path(token: str, index: int, name: str) -> str:
    return f"/p/{token}/{index}/{quote(name, safe='')}"


def make_app(
    plays: Plays, *, hosts: frozenset[str], sharing: Callable[[], Mapping[str, Any] | None]
) -> ASGIApp:
    """The guarded ASGI application; `hosts` are the values of Host that it answers to, and
    `sharing` is asked for what the seeder sends (`seeder.web.sharing`)."""

    def page(request: Request) -> Response:
        language = choose_language(request.headers.get("accept-language"))
        try:
            token = request.path_params["token"]
            play = plays.find(token)
            return _page(play, token, language, request, sharing())
        except (UnknownPlayError, ExpiredPlayError) as error:
            return _sorry(error, language)

    def state(request: Request) -> Response:
        language = choose_language(request.headers.get("accept-language"))
        try:
            play = plays.find(request.path_params["token"])
        except (UnknownPlayError, ExpiredPlayError) as error:
            return JSONResponse({"refusal": _sorry_text(error, language)}, _sorry_status(error))
        try:
            play.package.check()
        except LicenceRefusedError as error:
            play.note(error)
        return JSONResponse({"refusal": _refusal_text(play, language), **_terms(play, language)})

    async def file(request: Request) -> Response | FileAnswer:
        language = choose_language(request.headers.get("accept-language"))
        try:
            play = plays.find(request.path_params["token"])
        except (UnknownPlayError, ExpiredPlayError) as error:
            return _sorry(error, language)
        index = request.path_params["index"]
        if index >= len(play.package.entries):
            return _sorry(UnknownPlayError(), language)
        save = request.query_params.get("save") == "1"
        return FileAnswer(play, index, request.headers, save=save)

    async def missing(request: Request, _error: Exception) -> Response:
        return _sorry(UnknownPlayError(), choose_language(request.headers.get("accept-language")))

    app = Starlette(
        routes=[
            Route("/p/{token}/", page),
            Route("/p/{token}/state", state),
            Route("/p/{token}/sharing", _tell_sharing(plays, sharing)),
            Route("/p/{token}/{index:int}/{name:path}", file),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={HTTPStatus.NOT_FOUND: missing},
    )
    return Guard(app, hosts=hosts)


def _tell_sharing(
    plays: Plays, sharing: Callable[[], Mapping[str, Any] | None]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        language = choose_language(request.headers.get("accept-language"))
        try:
            plays.find(request.path_params["token"])
        except (UnknownPlayError, ExpiredPlayError) as error:
            return JSONResponse({"lines": []}, _sorry_status(error))
        return JSONResponse({"lines": tell_sharing_page(sharing(), TEXTS[language])})

    return answer


def _chosen(play: Play, request: Request) -> int:
    """The file that the address names, counted from 1; else the one the play begins with."""
    asked = request.query_params.get("file", "")
    number = int(asked) if asked.isdecimal() and len(asked) < 7 else 0
    return number - 1 if 1 <= number <= len(play.package.entries) else play.start


def _page(
    play: Play,
    token: str,
    language: str,
    request: Request,
    sharing: Mapping[str, Any] | None,
) -> Response:
    package = play.package
    entries = [
        {
            "index": entry.index,
            "name": entry.name,
            "size": entry.size,
            "kind": kind_of(entry.media_type),
            "url": file_path(token, entry.index, entry.name),
        }
        for entry in package.entries
    ]
    command = f"geobuk save {package.item.package[:12]} PATH"
    context: dict[str, Any] = {
        "item": package.item,
        "entries": entries,
        "current": entries[_chosen(play, request)],
        # The Host header was checked by the guard.
        "origin": f"http://{request.headers['host']}",
        "may_save": package.rights.save,
        "online": package.online,
        "shop": play.shop_name,
        "save_command": command,
        "refusal": _refusal_text(play, language),
        "sharing": tell_sharing_page(sharing, TEXTS[language]),
        # To look at a page begins nothing: bytes that are asked for would.
        "preload": "metadata" if package.permit is None else "none",
        "offline_words": TEXTS[language][
            "verified_offline" if package.permit is None else "verified_lease"
        ],
        **_terms(play, language),
    }
    return _render("player.html", language, context)


def _terms(play: Play, language: str) -> dict[str, str | None]:
    """The line on what is left, and when bytes end once they have begun; nulls for ever."""
    permit = play.package.permit
    if permit is None:
        return {"terms": None, "stops": None}
    stops = permit.stops.isoformat() if permit.begun and permit.stops else None
    remaining = permit.remaining(play.package.item)
    return {"terms": tell_page(permit, remaining, TEXTS[language]), "stops": stops}


def _render(
    name: str, language: str, context: Mapping[str, Any], status: int = HTTPStatus.OK
) -> Response:
    html = _templates().get_template(name).render(t=TEXTS[language], language=language, **context)
    return HTMLResponse(html, status, headers={"Content-Language": language})


def _refusal_text(play: Play, language: str) -> str | None:
    """The refusal in the page's language where it is one of ours, else as it came."""
    if play.refusal is None:
        return None
    return TEXTS[language].get(f"refused_{play.refusal.code}", str(play.refusal))


def _sorry_text(error: Exception, language: str) -> str:
    return TEXTS[language]["expired" if isinstance(error, ExpiredPlayError) else "not_found"]


def _sorry_status(error: Exception) -> int:
    return HTTPStatus.GONE if isinstance(error, ExpiredPlayError) else HTTPStatus.NOT_FOUND


def _sorry(error: Exception, language: str) -> Response:
    context = {"message": _sorry_text(error, language)}
    return _render("sorry.html", language, context, _sorry_status(error))
