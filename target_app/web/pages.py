"""The pages: static shells in each language, made once when a replica starts; scripts fill them in the browser."""

import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import Final, NamedTuple

import orjson

from target_app.web import language
from target_app.web.assets import Assets, Content, content

_PART: Final = re.compile(r"\{\{part:(?P<name>[\w-]+)\}\}")
_BLANK: Final = re.compile(r"\{\{(?P<key>[\w.:-]+)\}\}")


class Page(NamedTuple):
    """`name` is that of its shell (pages/<name>.html), its script (static/<name>.js) and its texts' section. `needs`
    says who it is for: "patient", "doctor", "account" (whoever is signed in) or, when empty, everybody."""

    path: str
    name: str
    needs: str = ""


PAGES: Final = (
    Page("/", "home"),
    Page("/login", "login"),
    Page("/signup", "signup"),
    Page("/doctors", "search", "account"),
    Page("/doctors/{doctor_id}", "agenda", "account"),
    Page("/appointments", "appointments", "patient"),
    Page("/records", "records", "account"),
    Page("/me", "me", "account"),
    Page("/doctor", "day", "doctor"),
    Page("/doctor/slots", "publish", "doctor"),
    Page("/docs", "docs"),
)


class Site(NamedTuple):
    assets: Assets
    shells: dict[tuple[str, str], Content]
    """By name and locale."""


def build() -> Site:
    """Everything that the browser gets. Raises KeyError for a text or a file that a page names and nobody wrote."""
    folder = files(__package__)
    static = {file.name: file.read_bytes() for file in folder.joinpath("static").iterdir()}
    words = {locale: language.texts(locale) for locale in language.LOCALES}
    modules = {f"texts.{locale}.js": b"export default " + orjson.dumps(words[locale]) + b";\n" for locale in words}
    assets = Assets(static | modules)
    layout = folder.joinpath("layout.html").read_text(encoding="utf-8")
    parts = {file.name: file.read_text(encoding="utf-8").strip() for file in folder.joinpath("parts").iterdir()}
    mains = {
        page: _whole(folder.joinpath("pages", f"{page.name}.html").read_text(encoding="utf-8"), parts) for page in PAGES
    }
    shells = {
        (page.name, locale): content(
            _shell(page, locale, layout, mains[page], words[locale], assets), "text/html; charset=utf-8"
        )
        for page in PAGES
        for locale in language.LOCALES
    }
    return Site(assets, shells)


def _whole(main: str, parts: dict[str, str]) -> str:
    """The page with what it has in common with others, parts/<name>.html, in its place."""
    return _PART.sub(lambda match: parts[f"{match['name']}.html"], main)


def _shell(page: Page, locale: str, layout: str, main: str, words: dict[str, str], assets: Assets) -> bytes:
    def blank(key: str) -> str:
        if key.startswith("static:"):
            return assets.path(key.removeprefix("static:"))
        return escape(words[key])

    script = f"{page.name}.js"
    own = {
        "locale": locale,
        "needs": page.needs,
        "page": page.name,
        "title": escape(words[f"{page.name}.title"]),
        "main": _filled(main, blank),
        "script": assets.path(script),
        "words": assets.path(f"texts.{locale}.js"),
        "preloads": "\n".join(
            f'<link rel="modulepreload" href="{assets.path(name)}">'
            for name in [*assets.imports(script), f"texts.{locale}.js"]
        ),
    }
    return _filled(layout, lambda key: own[key] if key in own else blank(key)).encode()


def _filled(text: str, blank: Callable[[str], str]) -> str:
    return _BLANK.sub(lambda match: blank(match["key"]), text)
