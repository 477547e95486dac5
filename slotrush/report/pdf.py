"""A page as PDF, printed by a headless Chromium; playwright, which drives it, and the browser are both optional."""

import os
import shutil
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
VARIABLE: Final = "CHROMIUM"
"""The environment variable that names a browser's program."""
_QUIET: Final = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
_HTML_INSTEAD: Final = "or write --format html, which any browser prints"


def printed(html: str) -> bytes:
    """The page as a tagged PDF with an outline, on the paper that its own CSS asks for.

    Raises BadInputError without playwright, and without a browser that starts.
    """
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415  optional
    except ImportError:
        raise BadInputError(
            "--format pdf",
            "it needs playwright, which is not installed",
            f"Install it (pip install playwright), {_HTML_INSTEAD}",
        ) from None
    as_root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()  # Chromium refuses root else
    try:
        with sync_playwright() as playwright:
            program = browser() or playwright.chromium.executable_path
            if not Path(program).exists():
                raise _no_browser("there is no Chromium")
            started = playwright.chromium.launch(executable_path=program, args=[*_QUIET, *as_root])
            page = started.new_page(color_scheme="light")
            page.set_content(html)
            pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
            started.close()
    except Error as error:
        raise _no_browser(f"the browser failed: {error.message.splitlines()[0]}") from error
    return pdf


def browser() -> str | None:
    """The program that `CHROMIUM` names, else the first that is installed; None for playwright's own."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, BROWSERS)), None)


def _no_browser(problem: str) -> BadInputError:
    mend = (
        f"Install one (playwright install chromium), name its program in {VARIABLE} (now {browser()}), {_HTML_INSTEAD}"
    )
    return BadInputError("--format pdf", problem, mend)
