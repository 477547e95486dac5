"""Every text is in the locales' files, once for each language, and nowhere else."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from target_app.web import language
from target_app.web.pages import PAGES

WEB = Path(language.__file__).parent
MARKUP = sorted([WEB / "layout.html", *(WEB / "pages").glob("*.html"), *(WEB / "parts").glob("*.html")])
SCRIPTS = sorted((WEB / "static").glob("*.js"))
TEXTS = {locale: language.texts(locale) for locale in language.LOCALES}
KEYS = set(TEXTS["en"])
READ_ALOUD = {"aria-label", "alt", "placeholder", "title"}
BLANK = re.compile(r"\{\{[\w.:-]+\}\}")


class Words(HTMLParser):
    """Collects what a visitor reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in READ_ALOUD and value]


def test_both_languages_have_the_same_texts() -> None:
    assert set(TEXTS["pt-BR"]) == KEYS


def test_both_languages_fill_in_the_same_values() -> None:
    for key in KEYS:
        assert len({frozenset(re.findall(r"\{\w+\}", texts[key])) for texts in TEXTS.values()}) == 1, key


@pytest.mark.parametrize("path", MARKUP, ids=lambda path: path.name)
def test_markup_has_no_words_of_its_own(path: Path) -> None:
    words = Words()
    words.feed(path.read_text())

    assert not re.findall(r"\w+", BLANK.sub("", "".join(words.found)))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_have_no_sentences(path: Path) -> None:
    code = re.sub(r"^\s*(//|\*|/\*).*$", "", path.read_text(), flags=re.MULTILINE)

    assert not re.findall(r"[\"`][A-ZÀ-Ý][a-zà-ÿ']* [A-Za-zÀ-ÿ][^\"`]*", code)


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    sections = "|".join({key.partition(".")[0] for key in KEYS})
    sources = "".join(path.read_text() for path in [*MARKUP, *SCRIPTS])
    named = set(re.findall(rf'(?:"|\{{\{{)((?:{sections})\.[a-z_]+)(?:"|\}}\}})', sources))
    counted = {f"{key}_{form}" for key in re.findall(r'count\("([\w.]+)"', sources) for form in ("one", "other")}
    made = [
        re.escape(before) + r"[\w-]+" + re.escape(after)
        for before, after in re.findall(rf"`((?:{sections})\.)\$\{{[\w.]+\}}(\w*)`", sources)
    ]
    titles = {f"{page.name}.title" for page in PAGES}

    used = {key for key in KEYS if key in named | counted | titles or any(re.fullmatch(each, key) for each in made)}

    assert KEYS - used == set()
    assert {key for key in named if f"{key}_one" not in KEYS} | counted | titles <= KEYS
