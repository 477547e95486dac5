"""The use case: one stack after the other, a part of a search on each, and everything that is found kept at once."""

import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from slotrush import audit, machine, snapshot
from slotrush import limits as machine_limits
from slotrush import run as running
from slotrush import seed as seeding
from slotrush.capacity.bisect import Search
from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.stack import Stack, StackOptions, StackUrls
from slotrush.stack.replicas import check_quota
from slotrush.sweep import law, limits, model, pace, probing, searching
from slotrush.sweep.model import Audited, Point, Probe, Settings, Sweep
from slotrush.sweep.probing import SLOTS_PER_DOCTOR, People
from slotrush.sweep.searching import Visit
from slotrush.sweep.utilisation import at_limit, limited_by, strangers_cores

PROBE_S_MIN: Final = 25.0
"""A shorter load has no ten steady seconds, without which the gate says nothing."""
REPLICAS_MAX: Final = 64
SEEDS_A_POINT: Final = 1_000
"""More than a search has probes."""
LEDGER: Final = ("ledger", "lost_actors")


@dataclass(frozen=True)
class News:
    """What a sweep is just doing, and how long the rest takes at most."""

    sweep: Sweep
    doing: str
    left_s: float


Tell = Callable[[News], None]


def begin(settings: Settings) -> Sweep:
    """A sweep of which nothing was measured yet. Raises BadInputError for settings that cannot be measured."""
    check(settings)
    now = datetime.now(UTC)
    return Sweep(
        sweep_id=f"sweep-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started_at=now.isoformat(timespec="seconds"),
        settings=settings,
        machine=machine.describe(),
        commit=machine.commit(),
    )


def check(settings: Settings) -> None:
    """Everything that can be known to be wrong before anything starts. Raises BadInputError."""
    counts = settings.replicas
    if not counts or len(set(counts)) < len(counts) or not all(1 <= count <= REPLICAS_MAX for count in counts):
        raise BadInputError(
            f"--replicas {','.join(map(str, counts))}",
            f"it must be different numbers from 1 to {REPLICAS_MAX}",
            "Write it as 1,2,3,4,6,8",
        )
    if not PROBE_S_MIN <= settings.probe_s <= 3600:
        raise BadInputError(f"--probe-s {settings.probe_s:g}", "it must be from 25 to 3600", "Give another number")
    counted = (("workers", settings.workers), ("proxies", settings.proxies), ("rounds", settings.rounds))
    for name, count in counted:
        if count < 1:
            raise BadInputError(f"--{name} {count}", "it is less than 1", "Give a positive whole number")
    settings.objectives()
    searching.first(settings, max(counts), (), 1)
    check_quota(settings.cpu_quota_m, max(counts))
    machine_limits.check(searching.USERS_MIN, settings.workers, settings.proxies, max(counts))


def sweep(begun: Sweep, folder: Path, tell: Tell) -> Sweep:
    """Measure what is not yet, in `folder`, where sweep.json always has all that is known.

    Raises StackError when a part fails and KeyboardInterrupt; `model.load` and this go on from there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = begun
    keep(state, folder)
    latest: Probe | None = None
    for visit in searching.visits(state.settings):
        if searching.is_due(visit, pace.levelled(state).point(visit.replicas)):
            with closing(_measure(state, folder, visit, latest, tell)) as found:
                for state in found:
                    keep(state, folder)
            latest = next(point.probes[-1] for point in state.points if point.replicas == visit.replicas)
    return state


def keep(state: Sweep, folder: Path) -> None:
    """Write sweep.json with what follows from the probes so far."""
    told, objectives = pace.paced(state), state.settings.objectives()
    level = limits.found(pace.at_average(told), objectives)
    found = law.of(level, objectives)
    per_point = {point.replicas: conclusions(point, level) for point in level.points}
    model.save(
        told,
        folder,
        {
            "law": None if isinstance(found, str) else found.as_json(),
            "no_law": found if isinstance(found, str) else None,
        },
        per_point,
    )


def conclusions(point: Point, state: Sweep) -> dict[str, Any]:
    """What follows from a point's probes, for sweep.json: all at the machine's average pace."""
    uses = at_limit(point, state.settings, state.cores)
    stop = point.search.stop()
    throughput = point.throughput_per_s
    return {
        "arrivals_per_s": point.rate_per_s.as_json(),
        "throughput_per_s": None if throughput is None else throughput.as_json(),
        "finished": stop.value if stop and searching.is_over(point) else None,
        "limited_by": limited_by(uses),
        "not_for_the_law": law.refusal(point, state) if state.settings.cpu_quota_m else "the replicas had no CPU quota",
        "strangers_cores": strangers_cores(point),
        "at_limit": {
            name: {
                "cores": use.cores,
                "of_cores": use.of_cores,
                "share": use.share,
                "disagreement": use.disagreement,
            }
            for name, use in uses.items()
        },
    }


def _measure(state: Sweep, folder: Path, visit: Visit, latest: Probe | None, tell: Tell) -> Generator[Sweep]:
    """The sweep after each probe of a visit, and after the audit of its stack. `latest`: the probe before the first."""
    settings, replicas = state.settings, visit.replicas
    point = state.point(replicas)
    if point is None:
        point = Point(replicas, searching.first(settings, replicas, pace.levelled(state).points, state.cores))
    stack_dir = folder / f"stack-{replicas}-{len(point.audits) + 1}-{secrets.token_hex(2)}"

    def say(doing: str) -> None:
        tell(
            News(
                state,
                f"{replicas} replica{'s' * (replicas > 1)}: {doing}",
                searching.seconds_left(settings, pace.levelled(state).points),
            )
        )

    with _stack(settings, point, visit, stack_dir, say) as (stack, urls, people):
        runs: list[Path] = []
        while (
            len(point.probes) < visit.probes_max
            and (rate := next_rate(state.having(point), replicas, latest)) is not None
        ):
            number = len(point.probes) + 1
            say(f"probe {number} of at most {settings.tests_max}, at {rate:.1f} arrivals per second")
            runs.append(folder / "runs" / f"{replicas:02}-{number:02}-{secrets.token_hex(2)}")
            seed = seed_of(settings, replicas, number)
            latest = probing.probe(stack, urls, people, settings, replicas, rate, seed, runs[-1])
            point = point.after(latest)
            state = state.having(point)
            yield state
        say("waiting for the notifications, then auditing")
        point = replace(point, audits=(*point.audits, _audit(stack_dir, runs, urls)))
        yield state.having(point)


def next_rate(state: Sweep, replicas: int, latest: Probe | None) -> float | None:
    """What to try next, on a machine as fast as it was in the latest probe; None when the search is over."""
    level = pace.levelled(state)
    point = level.point(replicas)
    rate = None if point is None else point.search.next_rate()
    if rate is None or latest is None:
        return rate
    return rate * next(probe.pace for point in level.points for probe in point.probes if probe.run == latest.run)


@contextmanager
def _stack(
    settings: Settings, point: Point, visit: Visit, stack_dir: Path, say: Callable[[str], None]
) -> Iterator[tuple[Stack, StackUrls, People]]:
    """A stack with people in it, and a record of what it had at first."""
    record.create(stack_dir / record.RECORD_NAME).close()
    options = StackOptions(
        run_dir=stack_dir,
        replicas=point.replicas,
        proxies=settings.proxies,
        cpu_quota_m=settings.cpu_quota_m,
    )
    with Stack(options) as stack:
        urls = stack.start(say)
        sessions = stack_dir / "sessions.json"
        seed = seeds(settings, point.search, visit.probes_max - len(point.probes), sessions)
        say(f"seeding {seed.patients} patients, {seed.doctors} doctors and {seed.slots} slots")
        seeding.run(seed, urls.environment(), lambda _: None)
        with closing(record.open_record(stack_dir)) as connection:
            snapshot.note_published(connection, urls.database_url)
        people = People(sessions)
        sessions.unlink()
        yield stack, urls, people


def seed_of(settings: Settings, replicas: int, number: int) -> int:
    """The seed of one probe's swarm: another for each, so that no two have the same arrivals, and always the same."""
    return settings.seed + SEEDS_A_POINT * replicas + number


def seeds(settings: Settings, search: Search, swarms: int, sessions: Path) -> seeding.SeedOptions:
    """People for all swarms of a stack: patients who have no appointments yet, and doctors who have not published."""
    crowd = searching.crowd_for(search.highest)
    doctors = swarms * crowd.doctors
    return seeding.SeedOptions(
        doctors=doctors,
        patients=swarms * crowd.patients_max,
        slots=doctors * SLOTS_PER_DOCTOR,
        staff=crowd.staff,
        seed=settings.seed,
        sessions=sessions,
    )


def _audit(stack_dir: Path, runs: Sequence[Path], urls: StackUrls) -> Audited:
    """Hold what all swarms on a stack were told against what it has stored."""
    sources = snapshot.Sources(urls.database_url, urls.redis_url, urls.redis_key_prefix, urls.mailbox_path)
    with closing(record.open_record(stack_dir)) as connection:
        for run_dir in runs:
            _take_ledger(connection, run_dir)
        snapshot.take(connection, sources, running.SNAPSHOT_WAIT_S, lambda _: None)
        result = audit.run_audit(connection)
    broken = {check.invariant: check.broken for check in result.checks if check.broken}
    checked = sum(check.checked for check in result.checks)
    return Audited(result.clean, checked, broken, tuple(run_dir.name for run_dir in runs))


def _take_ledger(connection: Any, run_dir: Path) -> None:
    connection.execute("ATTACH ? AS probe", (str(run_dir / record.RECORD_NAME),))
    try:
        with connection:
            for table in LEDGER:
                connection.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM probe.{table}")
    finally:
        connection.execute("DETACH probe")
