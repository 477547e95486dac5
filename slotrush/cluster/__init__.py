"""`slotrush scale-check --prometheus`: how a cluster's autoscaling did in a run, by what Prometheus kept of it."""

from slotrush.cluster.checking import Question, check
from slotrush.cluster.prometheus import Prometheus

__all__ = ["Prometheus", "Question", "check"]
