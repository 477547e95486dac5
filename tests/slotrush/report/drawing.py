"""Pages without their charts, for tests that look at something else: drawing takes most of a page's time."""

from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from slotrush.report import charts


def charts_not_drawn() -> AbstractContextManager[Any]:
    return mock.patch.object(charts, "draw_svg", return_value="<svg/>")
