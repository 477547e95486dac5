"""Grafana dashboards and Prometheus rules, generated from the objectives: `documents(objectives)` is all of them.

What is generated for slotrush's own objectives lies in `generated/`, under version control.
"""

from dashboards.all import BOARDS, documents, stale, write
from dashboards.sli import unmeasurable

__all__ = ["BOARDS", "documents", "stale", "unmeasurable", "write"]
