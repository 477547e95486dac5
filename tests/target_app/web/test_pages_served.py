"""What a CDN and a browser may keep, and what a page may do."""

import re

import httpx
import pytest

from target_app.web.pages import PAGES

ADDRESSES = [page.path.replace("{doctor_id}", "019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11") for page in PAGES]


def static_files(page: str) -> set[str]:
    return set(re.findall(r'"(/static/[^"#]+)', page))


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_file_of_a_page_may_be_kept_for_ever(api: httpx.Client, address: str) -> None:
    files = static_files(api.get(address).text)

    assert files
    for file in files:
        answer = api.get(file)
        assert answer.status_code == 200, file
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{16}\.(js|css|svg)$", file)


def test_modules_name_only_files_that_are_there(api: httpx.Client) -> None:
    seen: set[str] = set()
    left = {file for address in ADDRESSES for file in static_files(api.get(address).text)}
    while left:
        seen |= left
        modules = [file for file in left if file.endswith(".js")]
        left = {
            f"/static/{name}"
            for file in modules
            for name in re.findall(r'^import .*"\./(.+)";$', api.get(file).text, re.M)
        } - seen
    assert all(api.head(file).status_code == 200 for file in seen)


def test_files_are_sent_compressed_to_those_who_accept_it(api: httpx.Client) -> None:
    [style] = [file for file in static_files(api.get("/").text) if file.endswith(".css")]

    squeezed = api.get(style, headers={"Accept-Encoding": "gzip"})
    plain = api.get(style, headers={"Accept-Encoding": "identity"})

    assert squeezed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert squeezed.text == plain.text


def test_a_file_that_is_not_there_is_a_problem(api: httpx.Client) -> None:
    answer = api.get("/static/style.0123456789abcdef.css")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_is_asked_for_again_each_time_and_sent_once(api: httpx.Client) -> None:
    first = api.get("/doctors")

    again = api.get("/doctors", headers={"If-None-Match": first.headers["etag"]})
    in_english = api.get("/doctors", headers={"If-None-Match": first.headers["etag"], "Accept-Language": "en"})

    assert first.headers["cache-control"] == "no-cache"
    assert "Accept-Language" in first.headers["vary"]
    assert (again.status_code, again.content) == (304, b"")
    assert in_english.status_code == 200


@pytest.mark.parametrize(("language", "locale"), [("pt-BR", "pt-BR"), ("en-US", "en")])
def test_a_page_speaks_the_browser_s_language(api: httpx.Client, language: str, locale: str) -> None:
    page = api.get("/login", headers={"Accept-Language": language}).text

    assert f'<html lang="{locale}"' in page
    assert "{{" not in page


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_runs_nothing_but_our_files(api: httpx.Client, address: str) -> None:
    answer = api.get(address)
    policy = answer.headers["content-security-policy"].split("; ")

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.findall(r"<style|style=|<script(?![^>]* src=)| on\w+=", answer.text)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_files_may_go_to_the_object_store_and_nowhere_else(api: httpx.Client, stack: object) -> None:
    policy = api.get("/records").headers["content-security-policy"]
    store = stack.objects.public_endpoint  # type: ignore[attr-defined]

    assert f"connect-src 'self' {store};" in policy
