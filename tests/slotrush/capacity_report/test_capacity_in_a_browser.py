"""The page in a real browser: nothing runs over its edges, every text stands out, charts have names."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from slotrush.report.pdf import browser as installed
from tests.slotrush.capacity_report.conftest import LANGUAGES

PRINTABLE_MM = 297 - 14 - 16
"""The height of an A4 page without its margins, as style.css has them."""
PX_A_MM = 96 / 25.4
CONTRAST_MIN = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of any size."""
OVERFLOWING = """() => [...document.querySelectorAll('body *')].filter(element => {
    if (element.closest('svg') || element.closest('.scroll table')) return false;
    const box = element.getBoundingClientRect();
    return box.width > 0 && (box.right > document.documentElement.clientWidth + 1 || box.left < -1);
}).map(element => element.tagName + '.' + element.className)"""
FAINT = """(least) => {
    const parse = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92
        : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest('svg, style')) continue;
        const [a, b] = [light(parse(getComputedStyle(parent).color)), light(behind(parent))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < least) found.push([node.data.trim().slice(0, 40), contrast]);
    }
    return found;
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if installed() is None:
        pytest.skip("No browser: install chromium, or name one in CHROMIUM")
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=["--disable-gpu", *as_root])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=LANGUAGES)
def opened(request: pytest.FixtureRequest, chromium: Browser, pages: dict[str, Path]) -> Page:
    """The page, which shows itself to each test in the size and the colours that it asks for."""
    page = chromium.new_page()
    page.goto(pages[request.param].as_uri())
    return page


def shown(page: Page, width: int, *, dark: bool = False, on_paper: bool = False) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if dark else "light", media="print" if on_paper else "screen")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edges(opened: Page, width: int) -> None:
    shown(opened, width)

    assert opened.evaluate("document.documentElement.scrollWidth") == width
    assert opened.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(opened: Page, dark: bool) -> None:
    shown(opened, 1280, dark=dark)

    assert opened.evaluate(FAINT, CONTRAST_MIN) == []


def test_charts_are_images_with_names(opened: Page) -> None:
    shown(opened, 1280)

    for figure in opened.locator("figure").all():
        title = figure.locator("h3").inner_text()
        assert figure.get_by_role("img", name=title).count() == 1


def test_no_chart_is_taller_than_a_page_nor_wider_than_the_paper(opened: Page) -> None:
    shown(opened, round((210 - 2 * 14) * PX_A_MM), on_paper=True)

    for figure in opened.locator("figure").all():
        box = figure.bounding_box()
        assert box is not None
        assert box["height"] < PRINTABLE_MM * PX_A_MM
        assert figure.evaluate("element => getComputedStyle(element).breakInside") == "avoid"
    assert opened.evaluate(OVERFLOWING) == []
