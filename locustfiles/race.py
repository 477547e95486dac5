"""The race: patients connect and browse, doctors publish at the drop, everyone goes for a slot of their doctor.

    locust -f locustfiles/race.py --host http://127.0.0.1:8080 --sessions sessions.json

`slotrush race` runs the same file with a whole stack around it.
"""

from locustfiles.people import preflight
from locustfiles.racing import Patient, publish
from slotrush.swarm import SCENARIOS
from slotrush.swarm.locust_events import install

__all__ = ["Patient"]

install(SCENARIOS["race"], preflight, doctors=publish)
