"""Pictures of the dashboards' layouts as SVG, drawn from the same JSON that Grafana gets."""

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, Final
from xml.sax.saxutils import escape

COLUMNS: Final = 24
COLUMN_PX, UNIT_PX, GAP_PX = 46, 26, 6
"""Of Grafana's grid: the width of a column, the height of a unit, what is left free between panels."""
HEAD_PX: Final = 76
CHARACTER_PX: Final = 6.1
"""A character of the small type, on average."""
LINE_PX: Final = 14
STYLE: Final = """
text{font-family:Inter,Helvetica,Arial,sans-serif;fill:#24292e}
.title{font-size:22px;font-weight:600}.question{font-size:14px;fill:#57606a}
.row{font-size:13px;font-weight:600}.name{font-size:12.5px;font-weight:600}
.small{font-size:11px;fill:#57606a}.unit{font-size:10.5px;fill:#8b949e}
.panel{fill:#fff;stroke:#d0d7de}.line{fill:none;stroke:#3274d9;stroke-width:1.6}
.limit{stroke:#e02f44;stroke-dasharray:5 4}.big{font-size:20px;font-weight:600;fill:#3274d9}
"""
UNITS: Final = {
    "s": "seconds",
    "short": "number",
    "reqps": "requests/s",
    "ops": "per second",
    "wps": "writes/s",
    "percentunit": "%",
    "bytes": "bytes",
    "none": "",
}


def documents(made: Mapping[str, str]) -> dict[str, str]:
    """By file name, the picture of each dashboard among the documents."""
    boards = {name: json.loads(text) for name, text in made.items() if name.endswith(".json")}
    return {f"{name.removesuffix('.json')}.svg": picture(board) for name, board in boards.items()}


def picture(board: Mapping[str, Any]) -> str:
    panels = board["panels"]
    bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels)
    width, height = COLUMNS * COLUMN_PX + 2 * GAP_PX, HEAD_PX + bottom * UNIT_PX + 2 * GAP_PX
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(board['title'])}</title><style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>',
        f'<text class="title" x="12" y="32">{escape(board["title"])}</text>',
        f'<text class="question" x="12" y="56">{escape(board["description"])}</text>',
        *(line for one in panels for line in (_row(one) if one["type"] == "row" else _panel(one))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(panel: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Left, top, width and height, in pixels."""
    place = panel["gridPos"]
    left, top = GAP_PX + place["x"] * COLUMN_PX, HEAD_PX + place["y"] * UNIT_PX
    return left, top, place["w"] * COLUMN_PX - GAP_PX, place["h"] * UNIT_PX - GAP_PX


def _row(panel: Mapping[str, Any]) -> Iterator[str]:
    left, top, _, _ = _box(panel)
    yield f'<text class="row" x="{left + 4}" y="{top + 15}">▾ {escape(panel["title"])}</text>'


def _panel(panel: Mapping[str, Any]) -> Iterator[str]:
    left, top, width, height = _box(panel)
    unit = UNITS[panel["fieldConfig"]["defaults"]["unit"]]
    yield f'<rect class="panel" x="{left}" y="{top}" width="{width}" height="{height}" rx="3"/>'
    yield _text("name", left + 8, top + 17, panel["title"])
    is_chart = panel["type"] == "timeseries"
    if is_chart:
        yield f'<text class="unit" text-anchor="end" x="{left + width - 8}" y="{top + 17}">{unit}</text>'
    room = int((width - 16) / CHARACTER_PX)
    shown = (height - (92 if is_chart else 34)) // LINE_PX
    lines = wrap(panel["description"], room)
    if len(lines) > shown:
        lines = [*lines[: shown - 1], f"{lines[shown - 1][: room - 2]} …"]
    for number, line in enumerate(lines, start=1):
        yield _text("small", left + 8, top + 19 + number * LINE_PX, line)
    if is_chart:
        yield from _curve(panel, left + 8, top + height - 62, width - 16)


def _curve(panel: Mapping[str, Any], left: int, top: int, width: int) -> Iterator[str]:
    """A sketch, and the legends below it: it is no data."""
    heights = (34, 33, 30, 12, 4, 9, 14, 20, 26, 29, 31)
    step = width / (len(heights) - 1)
    points = " ".join(f"{left + place * step:.0f},{top + height}" for place, height in enumerate(heights))
    yield f'<polyline class="line" points="{points}"/>'
    style = panel["fieldConfig"]["defaults"].get("custom", {}).get("thresholdsStyle", {})
    if style.get("mode") == "dashed":
        yield f'<line class="limit" x1="{left}" x2="{left + width}" y1="{top + 8}" y2="{top + 8}"/>'
    legends = " · ".join(target["legendFormat"].replace("{{", "<").replace("}}", ">") for target in panel["targets"])
    yield _text("unit", left, top + 50, legends[: int(width / CHARACTER_PX)])


def _text(kind: str, left: int, top: int, text: str) -> str:
    return f'<text class="{kind}" x="{left}" y="{top}">{escape(text)}</text>'
