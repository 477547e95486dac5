"""What a run inside a cluster asks for; the whole is played in tests/k8s/test_start_commands.py."""

from pathlib import Path

from slotrush.cluster_run import ClusterRun, swarm_options
from slotrush.swarm.scenario import SCENARIOS


def test_prometheus_may_come_from_another_pod() -> None:
    asked = ClusterRun(
        plays=SCENARIOS["race"],
        host="http://booking-gateway.envoy-gateway-system",
        sessions=Path("sessions.json"),
        run_dir=Path("race"),
        mailbox=Path("mailbox.sqlite"),
        allow_list=Path("targets.toml"),
        workers=1,
        spawn_rate_per_s=100,
        seed=1,
        metrics_port=9646,
    )

    plan = swarm_options(asked).plan

    assert (plan.metrics_port, plan.metrics_address) == (9646, "0.0.0.0")
