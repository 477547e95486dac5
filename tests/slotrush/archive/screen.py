"""What a terminal of some width shows."""

import io
from collections.abc import Iterable

from rich.console import Console, RenderableType


def on_screen(shown: Iterable[RenderableType], width: int) -> str:
    screen = io.StringIO()
    Console(file=screen, width=width, color_system=None).print(*shown, sep="\n")
    return screen.getvalue()
