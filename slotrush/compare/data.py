"""A comparison as JSON. Keys are only ever added; `base` and `candidate` are in `unit`, `low` and `high` are of the
ratio, or of the difference where a share of requests has none."""

import json
import math
from dataclasses import asdict
from typing import Any, Final

from slotrush.compare.verdict import Comparison, Result

SCHEMA_VERSION: Final = 1


def render(compared: Comparison) -> str:
    content = {
        "schema_version": SCHEMA_VERSION,
        "base": compared.base,
        "candidate": compared.candidate,
        "started_at": compared.started_at,
        "duration_s": round(compared.duration_s, 1),
        "method": compared.method,
        "outcome": compared.outcome,
        "exit_code": compared.exit_code,
        "notes": compared.notes,
        "figures": [_figure(one) for one in compared.results],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _figure(result: Result) -> dict[str, Any]:
    amounts = {name: getattr(result, name) for name in ("base", "candidate", "ratio", "low", "high")}
    finite = {name: value if value is None or math.isfinite(value) else None for name, value in amounts.items()}
    told = {"outcome": result.outcome, "reason": result.reason, **finite, "pairs": result.pairs}
    return asdict(result.figure) | told
