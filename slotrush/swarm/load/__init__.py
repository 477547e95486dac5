"""When the arrivals of an open load come: a specification becomes the times at which somebody starts.

Arrivals never look at the answers, so a target that falls behind is loaded on (Schroeder, Wierman, Harchol-Balter 2006:
"Open Versus Closed: A Cautionary Tale"). The same seed is the same load, whatever the number of workers.
"""

from slotrush.swarm.load.arrivals import Arrivals, Step
from slotrush.swarm.load.spec import parse_arrivals

__all__ = ["Arrivals", "Step", "parse_arrivals"]
