"""Which language a page is in."""

import pytest

from target_app.web.language import chosen


@pytest.mark.parametrize(
    ("accept_language", "locale"),
    [
        ("", "pt-BR"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("pt-PT", "pt-BR"),
        ("fr, en;q=0.5, pt;q=0.8", "pt-BR"),
        ("pt;q=0, en;q=0.1", "en"),
        ("de, fr", "pt-BR"),
        ("en;q=many, *", "pt-BR"),
    ],
)
def test_the_browser_says_what_it_prefers(accept_language: str, locale: str) -> None:
    assert chosen(None, accept_language) == locale


def test_what_the_visitor_chose_counts_more() -> None:
    assert chosen("en", "pt-BR") == "en"


def test_a_choice_that_is_none_does_not_count() -> None:
    assert chosen("xx", "en") == "en"
