"""The swarm: starting Locust, who does what when, and what is recorded of it.

Scenarios import the names below, and nothing else of slotrush but `slotrush.swarm.locust_events`. This module and
`start` stay free of Locust, which patches the standard library when it is imported.
"""

from slotrush.swarm.recorder import (
    TAKEN,
    Action,
    Attempt,
    Endpoint,
    Outcome,
    Recorder,
    Verdict,
    now_us,
)
from slotrush.swarm.sessions import Session

__all__ = ["TAKEN", "Action", "Attempt", "Endpoint", "Outcome", "Recorder", "Session", "Verdict", "now_us"]
