"""The capacity report, for those who decide: from a sweep, a plan, a scale check and runs to a page or a PDF.

`material` reads the files; the rest is pure.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from slotrush.capacity_report import page, promises
from slotrush.capacity_report.material import Material
from slotrush.report.files import Format, keep, printed
from slotrush.report.words import Words

__all__ = ["NAME", "write"]

NAME: Final = "capacity"


def write(material: Material, outputs: Mapping[str, Path], file_format: Format, made_on: date) -> list[Path]:
    """Write the report in the languages of `outputs`, and return the files.

    Raises BadInputError for a file that cannot be written, for objectives that cannot be read any more, and for a PDF
    without what prints it.
    """
    objectives = promises.objectives(material)
    for language, path in outputs.items():
        others = {other: file.name for other, file in outputs.items() if other != language}
        words = Words(language, also=page.PACKAGE)
        linked = others if file_format is Format.HTML else {}
        html = page.render(material, objectives, made_on.isoformat(), words, linked)
        keep(printed(html, file_format), path)
    return list(outputs.values())
