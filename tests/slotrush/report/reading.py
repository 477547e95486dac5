"""Reading a report as a browser would: the page as a tree."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder

_VOID: Final = {"meta", "br", "link", "img", "hr"}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tree, self.open = TreeBuilder(), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tree.start(tag, {name: value or "" for name, value in attrs})
        self.open.append(tag)
        if tag in _VOID:
            self.handle_endtag(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()
        self.tree.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.tree.data(data)


def read_page(path: Path) -> Element:
    """Raises AssertionError when an element is not closed in its turn."""
    builder = _Builder()
    builder.feed(path.read_text(encoding="utf-8"))
    builder.close()
    assert not builder.open, f"never closed: {builder.open}"
    return builder.tree.close()


def text(element: Element | None) -> str:
    """All text of an element, with every run of white space as one space."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def figure(page: Element, name: str) -> str:
    """The value of a headline figure, or of a row of one of the tables of pairs."""
    found = page.find(f".//*[@data-figure='{name}']")
    assert found is not None, f"no figure {name}"
    value = found.find("dd[@class='value']")
    return text(found.find("td") if value is None else value)


def cells(page: Element, attribute: str, value: str) -> list[str]:
    """The cells of the table row that has this attribute."""
    row = page.find(f".//tr[@data-{attribute}='{value}']")
    assert row is not None, f"no row {attribute}={value}"
    return [text(cell) for cell in row.findall("td")]
