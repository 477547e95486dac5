"""The pages are for everybody: on a small phone, by keyboard, read aloud, in a dark room."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

Visit = Callable[..., Any]
FOR_NOBODY = ("/", "/login", "/login?as=doctor", "/signup", "/signup?as=doctor", "/docs")
FOR_PATIENTS = ("/doctors", "/doctors/{doctor}", "/appointments", "/records", "/me")
FOR_DOCTORS = ("/doctor", "/doctor/slots", "/me")
UNLABELLED = """() => [...document.querySelectorAll("input, select, textarea, button, a, img, nav")]
    .filter((each) => each.checkVisibility() && !(
        each.labels?.length || each.ariaLabel || each.textContent.trim() || each.hasAttribute("alt")))
    .map((each) => each.outerHTML)"""
FAINT = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
        .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [.2126, .7152, .0722][index], 0);
    const ground = (element) => {
        const colour = numbers(getComputedStyle(element).backgroundColor);
        return colour.length < 4 || colour[3] === 1 || !element.parentElement ? colour : ground(element.parentElement);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = [];
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest(":disabled")) continue;
        const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) faint.push(`${texts.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
    }
    return faint;
}"""


COUNTING = """(() => {
    const ask = window.fetch;
    window.underWay = 0;
    window.fetch = (...asked) => {
        window.underWay += 1;
        return ask(...asked).finally(() => setTimeout(() => { window.underWay -= 1; }, 50));
    };
})()"""
"""An answer counts as under way until the page had time to show it, or to ask for more."""
SETTLED = """() => window.underWay === 0 && !document.querySelector('[aria-busy="true"]')"""


def shown(page: Page, path: str, eventually: Callable[..., Any]) -> None:
    """With all that it asks for; the browser's own "networkidle" waits for half a second more."""
    page.goto(path)
    eventually(lambda: page.evaluate(SETTLED))


@pytest.fixture
def every_page(
    visit: Visit,
    enter: Callable[..., Page],
    patient: Any,
    doctor: Any,
    publish: Callable[..., list[str]],
    book: Callable[..., httpx.Response],
    eventually: Callable[..., Any],
) -> Callable[..., Iterator[Page]]:
    """Every page with something on it, as a patient, a doctor and nobody see them."""
    slots = publish(3)
    book(patient, slots[0])
    book(patient, slots[2])

    def every_page(dark: bool = False, **where: Any) -> Iterator[Page]:
        tabs = (
            (FOR_NOBODY, visit(**where).page),
            (FOR_PATIENTS, enter(patient, "patient", **where)),
            (FOR_DOCTORS, enter(doctor, "doctor", **where)),
        )
        for paths, page in tabs:
            page.emulate_media(color_scheme="dark" if dark else "light")
            page.add_init_script(COUNTING)
            for path in paths:
                shown(page, path.format(doctor=doctor.id), eventually)
                yield page

    return every_page


@pytest.mark.long
@pytest.mark.parametrize("locale", ["pt-BR", "en"])
def test_no_page_scrolls_sideways_on_a_small_phone(every_page: Callable[..., Iterator[Page]], locale: str) -> None:
    for page in every_page(locale=locale):
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url


def test_everything_that_one_can_use_has_a_name_and_every_page_one_heading(
    every_page: Callable[..., Iterator[Page]], desk: Any
) -> None:
    for page in every_page(locale="en", size=desk):
        assert page.evaluate(UNLABELLED) == [], page.url
        assert page.get_by_role("heading", level=1).count() == 1, page.url
        assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1


@pytest.mark.long
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(every_page: Callable[..., Iterator[Page]], dark: bool) -> None:
    for page in every_page(dark):
        assert page.evaluate(FAINT) == [], page.url  # 4.5 : 1, WCAG 2.2, 1.4.3


def test_an_appointment_is_booked_by_keyboard_alone(
    visit: Visit,
    me: Callable[[Any], dict[str, Any]],
    patient: Any,
    doctor: Any,
    publish: Callable[..., list[str]],
    desk: Any,
) -> None:
    publish(2)
    known = me(patient)
    page = visit("en", desk).page
    page.goto("/login")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} cannot be reached by Tab")

    tab_to("#who")
    page.keyboard.type(known["email"])
    tab_to("#password")
    page.keyboard.type("only for tests")
    page.keyboard.press("Enter")
    page.wait_for_url("**/doctors")

    expect(page.locator("#doctors a").first).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    tab_to("#name")
    page.keyboard.type(me(doctor)["name"])
    tab_to(f'a[href="/doctors/{doctor.id}"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/doctors/{doctor.id}")
    expect(page.locator(".time").first).to_be_visible()
    tab_to(".time")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Book")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".time").first).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/appointments")

    expect(page.locator("#upcoming .badge")).to_have_text("Waiting for the doctor")
