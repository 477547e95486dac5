"""A browser, and people in front of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 800}
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
PASSWORD = "only for tests"
TOKENS = "sessionStorage.setItem('session', JSON.stringify({token: %r, role: %r, expires_ms: Date.now() + 1e6}))"

WITHIN_MS = 20_000
"""For whatever a test expects to see: other tests keep the machine busy."""
expect.set_options(timeout=WITHIN_MS)


def executable() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser(accounts: Any) -> Iterator[Browser]:
    """Started when the system runs, and gone with the module: meanwhile no test can run an event loop of its own."""
    assert accounts
    path = executable()
    if path is None:
        pytest.skip("No browser: install chromium, or name one in CHROMIUM")
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=[*QUIET, *as_root])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody with a tab of their own. `complaints`: what the browser's console had to say, hopefully nothing."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def hears(self, text: str) -> None:
        if "Failed to load resource" not in text:  # every refusal of the API is one
            self.complaints.append(text)

    def sign_in(self, who: str, password: str = PASSWORD) -> None:
        self.page.goto("/login")
        self.page.locator("#who").fill(who)
        self.page.locator("#password").fill(password)
        self.page.locator("#login button").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def sign_in_as_doctor(self, crm: str, crm_state: str, password: str = PASSWORD) -> None:
        self.page.goto("/login?as=doctor")
        self.page.locator("#crm").fill(crm)
        self.page.locator("#crm_state").select_option(crm_state)
        self.page.locator("#password").fill(password)
        self.page.locator("#login button").click()
        self.page.wait_for_url("**/doctor")


@pytest.fixture
def visit(browser: Browser, stack: Any) -> Iterator[Callable[..., Visitor]]:
    """Open a tab for somebody: on a phone, in Portuguese, unless told otherwise. Afterwards nobody's console may have
    complained, of a violated security policy for example."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def visit(locale: str = "pt-BR", size: ViewportSize = PHONE) -> Visitor:
        context = browser.new_context(base_url=stack.base_url, locale=locale, viewport=size, reduced_motion="reduce")
        contexts.append(context)
        visitor = Visitor(context.new_page())
        visitor.page.on("console", lambda message: visitor.hears(message.text))
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitors.append(visitor)
        return visitor

    yield visit
    for context in contexts:
        context.close()
    assert [visitor.complaints for visitor in visitors] == [[] for _ in visitors]


@pytest.fixture
def me(api: Any) -> Callable[[Any], dict[str, Any]]:
    """What the system knows about somebody."""

    def me(account: Any) -> dict[str, Any]:
        answer = api.get("/v1/me", headers=account.headers(str(uuid4())))
        assert answer.status_code == 200, answer.text
        known: dict[str, Any] = answer.json()
        return known

    return me


@pytest.fixture
def desk() -> ViewportSize:
    return DESK


@pytest.fixture
def appointment(publish: Callable[..., list[str]], book: Callable[..., httpx.Response], patient: Any) -> str:
    """Of the patient with the doctor, who has not answered yet."""
    return str(book(patient, publish()[0]).json()["id"])


@pytest.fixture
def its_day(
    enter: Callable[..., Page], api: httpx.Client, appointment: str, doctor: Any, desk: ViewportSize
) -> Callable[..., Page]:
    """The doctor's page of the day of the appointment, at a desk."""

    def its_day(**where: Any) -> Page:
        starts_at = api.get(f"/v1/appointments/{appointment}", headers=doctor.headers()).json()["starts_at"]
        day = datetime.fromisoformat(starts_at).astimezone(SAO_PAULO)
        page = enter(doctor, "doctor", size=desk, **where)
        page.goto(f"/doctor?date={day:%Y-%m-%d}")
        return page

    return its_day


@pytest.fixture
def enter(visit: Callable[..., Visitor]) -> Callable[..., Page]:
    """A tab in which the account is signed in already, with nothing to refresh its session."""

    def enter(account: Any, role: str, **where: Any) -> Page:
        page = visit(**where).page
        page.add_init_script(TOKENS % (account.token, role))
        return page

    return enter
