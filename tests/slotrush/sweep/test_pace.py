"""How fast the machine was in each swarm, and that a sweep at its average pace is the same however fast it was."""

import math
from dataclasses import replace

import numpy as np
import pytest

from slotrush.sweep import pace
from slotrush.sweep.model import Probe, Settings
from tests.slotrush.sweep.swept import Laboratory, measured


def probes_at(paces: list[float], seed: int = 1) -> list[Probe]:
    """At any throughputs, by parts whose work is a little different each time."""
    rng = np.random.default_rng(seed)
    settings, found = Settings(), []
    for number, fast in enumerate(paces):
        laboratory = Laboratory(seed=number)
        laboratory._pace = fast
        probe = laboratory.probe(1 + number % 4, 20.0 + 5 * (number % 7), settings)
        cores = {name: used * float(np.exp(0.03 * rng.standard_normal())) for name, used in probe.cores.items()}
        found.append(Probe(f"{number}", probe.rate_per_s, probe.verdict, "", "", probe.throughput_per_s, cores=cores))
    return found


def test_the_pace_is_found_from_parts_without_a_quota() -> None:
    true = np.exp(np.random.default_rng(2).normal(0, 0.25, 40))
    found = np.array(list(pace.paces(probes_at(true.tolist())).values()))

    assert np.std(np.log(found / (true / np.exp(np.log(true).mean())))) < 0.05


def test_a_steady_machine_has_one_pace() -> None:
    sweep = measured(Settings(), Laboratory())

    found = pace.paces([probe for point in sweep.points for probe in point.probes])

    assert list(found.values()) == pytest.approx([1.0] * len(found), rel=1e-3)


def test_few_probes_and_such_without_figures_are_taken_as_they_are() -> None:
    bare = probes_at([1.0])[0]
    nothing = Probe("nothing", 10.0, bare.verdict, "", "")

    assert set(pace.paces([*probes_at([0.5, 2.0]), nothing]).values()) == {1.0}
    assert pace.paces([*probes_at([0.5, 2.0, 1.0] * 4), nothing])["nothing"] == 1.0


def test_limits_are_found_the_better_when_the_pace_is_seen() -> None:
    """Half as fast in the end, in rounds."""
    settings = Settings()
    fades = 1 - 0.5 ** (1 / (len(settings.replicas) * settings.tests_max))

    def errors(*, sees_pace: bool) -> list[float]:
        found = []
        for seed in range(4):
            laboratory = Laboratory(seed, fades=fades, sees_pace=sees_pace, reserve=0.0)
            limits = [
                math.log(point.rate_per_s.mid / laboratory.limit_per_s(point.replicas))
                for point in measured(settings, laboratory).points
            ]
            found += [limit - limits[0] for limit in limits[1:]]
        return found

    assert np.std(errors(sees_pace=True)) < 0.05
    assert np.std(errors(sees_pace=False)) > 1.5 * np.std(errors(sees_pace=True))


def test_a_pace_that_goes_with_the_throughput_is_none() -> None:
    """Ever more replicas on a machine that ever more slows down: whose fault it was cannot be told."""
    probes = probes_at([1.0] * 24)
    busier = [
        replace(
            probe, cores={name: used * (probe.throughput_per_s or 1.0) ** 0.2 for name, used in probe.cores.items()}
        )
        for probe in probes
    ]

    assert np.std(np.log(list(pace.paces(busier).values()))) < 0.05


def test_levelling_puts_verdicts_in_order_that_the_pace_had_crossed() -> None:
    sweep = measured(Settings(replicas=(2, 3)), Laboratory(scatter=0.005, fades=0.015, reserve=0.0))

    assert pace.crossed(sweep, measured=True) > 3 * pace.crossed(sweep, measured=False)
    slowest, fastest = pace.range_of(sweep)
    assert slowest < 0.9
    assert fastest > 1.1


def test_what_is_kept_is_as_it_was_measured() -> None:
    raw = measured(Settings(replicas=(2, 3)), Laboratory())
    kept = pace.paced(raw)

    rates = [probe.rate_per_s for point in raw.points for probe in point.probes]
    assert [probe.rate_per_s for point in kept.points for probe in point.probes] == rates
