"""What of Locust is put right for very many users."""

import subprocess
import sys

SCRIPT = """
from slotrush.swarm import locust_tuning
from locust import argument_parser, runners

made, make = [], argument_parser.get_empty_argument_parser
argument_parser.get_empty_argument_parser = lambda *args, **kwargs: made.append(1) or make(*args, **kwargs)
untuned = argument_parser.default_args_dict()
locust_tuning.tune()
locust_tuning.tune()
made.clear()
answers = [argument_parser.default_args_dict() for _ in range(100)]
print(len(made), answers[-1] == untuned, runners.HEARTBEAT_LIVENESS)
"""


def test_locust_makes_its_parser_once_and_waits_longer_for_busy_workers() -> None:
    finished = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert finished.stdout.split() == ["1", "True", "10"]
