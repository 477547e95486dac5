"""/docs: the API for people, with nothing from elsewhere."""

from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import expect


def test_every_operation_can_be_read_about(visit: Callable[..., Any], api: httpx.Client, desk: Any) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    operations = [(method.upper(), path, each) for path, given in paths.items() for method, each in given.items()]
    visitor = visit("en", desk)
    addresses: list[str] = []
    visitor.page.on("request", lambda request: addresses.append(request.url))
    visitor.page.goto("/docs")
    cards = visitor.page.locator("details.operation")
    expect(cards).to_have_count(len(operations))
    words = cards.all_text_contents()
    for method, path, operation in operations:
        assert any(card.startswith(f"{method}{path}{operation['summary']}") for card in words), path
    assert all(address.startswith(str(api.base_url)) for address in addresses)

    booking = cards.filter(has_text="Request an appointment").first
    booking.locator("summary").click()
    expect(booking).to_contain_text("Idempotency-Key")
    expect(booking.locator("pre").first).to_contain_text('"slot_id"')
    expect(booking).to_contain_text("Problem details (RFC 9457)")
