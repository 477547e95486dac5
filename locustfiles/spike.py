"""The day's mix, then ten times as much within seconds, then as before.

locust -f locustfiles/spike.py --host http://127.0.0.1:8080 --sessions sessions.json
"""

from locustfiles.clinic import Doctor, Patient, Receptionist
from locustfiles.people import preflight
from slotrush.swarm import SCENARIOS
from slotrush.swarm.locust_events import install

__all__ = ["Doctor", "Patient", "Receptionist"]

install(SCENARIOS["spike"], preflight)
