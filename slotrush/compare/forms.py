"""Every form in which a comparison is shown."""

from typing import Final

from slotrush.compare import annotations, data, junit, markdown, table
from slotrush.gate.outputs import Forms

FORMS: Final = Forms(table.render, annotations.render, junit.render, data.render, markdown.render)
