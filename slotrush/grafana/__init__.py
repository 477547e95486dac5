"""Publishing to a Grafana: dashboards as they were generated, and marks at what happened in a run.

`publishing.plan` says what would change, `publishing.apply` does it; `marks.of_run` are a run's marks.
"""

from slotrush.grafana.marks import Mark, of_run
from slotrush.grafana.publishing import Change, apply, plan
from slotrush.grafana.server import Grafana

__all__ = ["Change", "Grafana", "Mark", "apply", "of_run", "plan"]
