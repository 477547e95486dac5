"""The gate: a run record held against the objectives.

`judge(connection, objectives)` gives a `Verdict`: of each objective pass, fail or undecided, with its figures, and of
the run one outcome with its exit code. `table`, `junit`, `data`, `markdown` and `annotations` show it.
"""

from slotrush.gate.judging import judge
from slotrush.gate.verdict import Outcome, Result, Verdict

__all__ = ["Outcome", "Result", "Verdict", "judge"]
