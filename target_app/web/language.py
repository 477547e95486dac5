"""Which language a page is in, and its texts: one file for each locale, with the same keys."""

import tomllib
from importlib.resources import files
from typing import Final

LOCALES: Final = ("pt-BR", "en")
"""The first is for those who ask for neither."""
COOKIE: Final = "language"


def chosen(cookie: str | None, accept_language: str) -> str:
    """The locale that the visitor chose earlier, or else the one that their browser prefers (RFC 9110, 12.5.4)."""
    if cookie in LOCALES:
        return cookie
    wanted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, weight = part.strip().partition(";q=")
        wanted.append((_number(weight), tag.lower().partition("-")[0]))
    for preference, spoken in sorted(wanted, key=lambda each: each[0], reverse=True):
        for locale in LOCALES:
            if preference and locale.lower().partition("-")[0] == spoken:
                return locale
    return LOCALES[0]


def texts(locale: str) -> dict[str, str]:
    """By dotted key, such as "search.title"."""
    content = files(__package__).joinpath("texts", f"{locale}.toml").read_text(encoding="utf-8")
    return {
        f"{section}.{key}": text for section, entries in tomllib.loads(content).items() for key, text in entries.items()
    }


def _number(weight: str) -> float:
    try:
        return float(weight or 1)
    except ValueError:
        return 0.0
