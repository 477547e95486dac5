"""Two versions side by side: of each figure the ratio with its interval, and a verdict.

`judge` holds pairs of measurements against the minimum effects, `sequential` says when to look at them, and the rest
shows the outcome in the forms of the gate.
"""

from slotrush.compare.figure import Figure, Unit
from slotrush.compare.judging import judge
from slotrush.compare.verdict import Comparison, Result

__all__ = ["Comparison", "Figure", "Result", "Unit", "judge"]
