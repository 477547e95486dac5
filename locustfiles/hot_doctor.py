"""Everyone goes for the 40 slots of one doctor: the race at its narrowest.

locust -f locustfiles/hot_doctor.py --host http://127.0.0.1:8080 --sessions sessions.json
"""

from locustfiles.people import preflight
from locustfiles.racing import Patient, publish
from slotrush.swarm import SCENARIOS
from slotrush.swarm.locust_events import install

__all__ = ["Patient"]

install(SCENARIOS["hot_doctor"], preflight, doctors=publish)
