"""How long simulations of rushes take on one core: scripts/bench-simulate.

`python -m slotrush.scaling.bench [--patients 20000,200000,2000000] [--cpu-ms 0.7]`. By the manifests in k8s/ each is
simulated twice: as they are, where most of a large rush is turned away or gives up; and with replicas enough from the
first moment, so that every request is played to its answer. Ends with exit code 1 if one takes a minute of CPU.
"""

import argparse
import resource
from dataclasses import replace
from typing import Final

from slotrush import REPOSITORY, slo
from slotrush.scaling import demands
from slotrush.scaling.demands import Demands
from slotrush.scaling.simulating import Rush, System, answer, needed
from slotrush.scaling.systems import of_manifests

COMPUTE_S_MAX: Final = 60.0
WITHIN_S: Final = 60.0
PATIENTS: Final = "20000,200000,2000000"
CPU_MS: Final = 0.7
"""Of a request of the clinic's mix, as docs/scaling.md has it measured."""
DATABASE_MS: Final = 0.3
_SPARE: Final = 1.5
_FOLDER: Final = REPOSITORY / "k8s" / "base"


def enough(system: System, rush: Rush, costs: Demands) -> System:
    """The same with replicas enough for the whole rush, and half as many again."""
    replicas = needed(rush.patients / rush.within_s, costs, system)
    assert replicas is not None
    count = max(int(replicas * _SPARE), system.replicas)
    return replace(system, replicas=count, hpa=replace(system.hpa, max_replicas=max(count, system.hpa.max_replicas)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-simulate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--patients", default=PATIENTS)
    parser.add_argument("--cpu-ms", type=float, default=CPU_MS)
    options = parser.parse_args()
    costs = demands.given(options.cpu_ms / 1000, DATABASE_MS / 1000)
    system = of_manifests(_FOLDER / "hpa.yaml", _FOLDER / "app.yaml", None, 8.0, None, costs)
    slowest_s = 0.0
    print(f"{'patients':>10} {'replicas':>18} {'answered':>9} {'CPU':>8} {'per request':>12}")
    for patients in map(int, options.patients.split(",")):
        rush = Rush(patients, WITHIN_S)
        for played in (system, enough(system, rush, costs)):
            found = answer(rush, played, costs, slo.load(), seed=1)
            slowest_s = max(slowest_s, found.compute_s)
            replicas = f"{played.replicas} to {found.replicas_max}"
            each_us = 1e6 * found.compute_s / found.requests
            share = found.shares[0].share
            print(
                f"{patients:>10,} {replicas:>18} {share:>9.2%} {found.compute_s:>6.2f} s {each_us:>9.1f} µs", flush=True
            )
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    raise SystemExit(0 if slowest_s < COMPUTE_S_MAX else 1)


if __name__ == "__main__":
    main()
