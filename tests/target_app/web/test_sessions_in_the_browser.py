"""Staying signed in, and not staying."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

Visit = Callable[..., Any]


def session(page: Page) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(page.evaluate("sessionStorage.getItem('session')"))
    return kept


def change_session(page: Page, **changes: Any) -> None:
    page.evaluate("kept => sessionStorage.setItem('session', JSON.stringify(kept))", session(page) | changes)


def test_a_session_that_runs_out_is_renewed_unnoticed(
    visit: Visit, me: Callable[[Any], dict[str, Any]], patient: Any
) -> None:
    visitor = visit()
    visitor.sign_in(me(patient)["email"])
    page = visitor.page
    before = session(page)

    change_session(page, expires_ms=0)
    page.goto("/appointments")
    expect(page.locator("#upcoming .empty")).to_be_visible()

    assert session(page)["refresh_token"] != before["refresh_token"]
    assert session(page)["expires_ms"] > 0


def test_a_token_that_the_server_does_not_accept_is_renewed_once(
    visit: Visit, me: Callable[[Any], dict[str, Any]], patient: Any
) -> None:
    visitor = visit()
    visitor.sign_in(me(patient)["email"])
    page = visitor.page

    change_session(page, token="nonsense")
    page.goto("/appointments")

    expect(page.locator("#upcoming .empty")).to_be_visible()


def test_who_cannot_be_renewed_signs_in_and_comes_back(
    visit: Visit, me: Callable[[Any], dict[str, Any]], patient: Any
) -> None:
    visitor = visit()
    visitor.page.goto("/appointments")
    visitor.page.wait_for_url("**/login?next=%2Fappointments")
    visitor.page.locator("#who").fill(me(patient)["email"])
    visitor.page.locator("#password").fill("only for tests")
    visitor.page.locator("#login button").click()

    visitor.page.wait_for_url("**/appointments")


def test_nobody_is_led_elsewhere_after_signing_in(
    visit: Visit, me: Callable[[Any], dict[str, Any]], patient: Any
) -> None:
    page = visit().page
    for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        page.goto(f"/login?{urlencode({'next': elsewhere})}")
        page.locator("#who").fill(me(patient)["email"])
        page.locator("#password").fill("only for tests")
        page.locator("#login button").click()
        page.wait_for_url("**/doctors")
        page.get_by_role("button", name="Sair").click()
        page.wait_for_url("**/login")


def test_signing_out_leaves_nothing_behind(visit: Visit, me: Callable[[Any], dict[str, Any]], patient: Any) -> None:
    visitor = visit("en")
    visitor.sign_in(me(patient)["email"])
    page = visitor.page
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")

    assert page.evaluate("sessionStorage.length") == 0
    page.go_back()
    page.wait_for_url("**/login**")


def test_a_wrong_password_is_said_to_be_wrong(visit: Visit, me: Callable[[Any], dict[str, Any]], patient: Any) -> None:
    page = visit("en").page
    page.goto("/login")
    page.locator("#who").fill(me(patient)["email"])
    page.locator("#password").fill("another sentence")
    page.locator("#login button").click()

    expect(page.get_by_role("alert")).to_have_text("The sign-in or the password is wrong.")


def test_the_visitor_s_choice_of_language_stays(visit: Visit) -> None:
    page = visit("pt-BR").page
    page.goto("/login")
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrar")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto("/signup")
    expect(page.get_by_role("heading", level=1)).to_have_text("Create an account")
