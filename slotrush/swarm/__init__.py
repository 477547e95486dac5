"""The swarm: starting Locust, who does what when, and what is recorded of it.

Scenarios import the names below, and nothing else of slotrush but `slotrush.swarm.locust_events`. This module and
`start` stay free of Locust, which patches the standard library when it is imported.
"""

from slotrush.errors import BadInputError
from slotrush.swarm.plan import Plan
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
from slotrush.swarm.scenario import SCENARIOS, Model
from slotrush.swarm.sessions import Role, Session, read_bank
from slotrush.targets import check_target

__all__ = [
    "SCENARIOS",
    "TAKEN",
    "Action",
    "Attempt",
    "BadInputError",
    "Endpoint",
    "Model",
    "Outcome",
    "Plan",
    "Recorder",
    "Role",
    "Session",
    "Verdict",
    "check_target",
    "now_us",
    "read_bank",
]
