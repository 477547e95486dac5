"""Whether the generator measured the target or itself: the stretches of a run in which it was the bottleneck.

What decides is the share of the requests that met its delay, not the time that it was late. Each worker's seconds are
taken by themselves: its lag samples, one for every 50 ms, say how late its event loop was for a request that came at
any moment of that second. The longest lags are taken to have met the longest responses (the coupling that explains most
of a tail), each for no more than that response, and a request is *delayed* when its lag is more than `NEGLIGIBLE_MS`
and more than `MATERIAL_SHARE` of its response time. With the lags of every second that has delayed requests taken off
its responses, the percentiles of all requests are computed again. The run is invalid when

1. its p50, p90 or p99 is longer than it would be without the lag, by more than `DISTORTION_MS` and by more than
   `MATERIAL_SHARE` of itself, and more than `HANDFUL_SHARE` of the requests were delayed. A percentile moves only by as
   many ranks as were touched: when one request in a thousand was delayed, the p99 that is reported still lies between
   the target's own p99 and p99.1. So a handful of bad milliseconds never spoils a run, while one bad second in
   which most of a rush was answered does, however long the run was; or
2. more than `DELAYED_SHARE_MAX` of its requests were delayed while the cause is known to be the generator alone: a
   worker at the limit of its core for `CPU_LIMIT_S`, or its garbage collection; or
3. more than `HANDFUL_SHARE` of what was due was never sent: such a request has no time at all, so it may have been
   slower than all others, and the target had an easier load than the run says.

Rule 1 holds for all requests together, and for each class of endpoints that has objectives of its own: one booking
comes on ten reads, so that a lag which the percentiles of all do not show may have made those of the bookings. For one
long stretch of equal seconds, it is the plain comparison of lag and response time at the same percentile.

The share of delayed requests as such has no limit, though it is reported. Response times count from the intended start,
so that nothing is left out while the generator is late (what Tene calls coordinated omission): lag only ever adds to a
reported time. What is wrong with it is how much it added to what is judged, which rule 1 asks; where a quarter of the
requests took 15 ms longer and the tightest objective is 300 ms, nothing is decided by it. What a late generator could
make look better than it is, is a load that it never sent: rule 3, as k6's `dropped_iterations`. (wrk2, from which the
intended start is, and Gatling have no such rule; k6 and Locust warn of a full core, which is rule 2.)
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Final

from slotrush.runs import hdr
from slotrush.runs.distribution import Distribution, recorded
from slotrush.summary.model import Distortion, Fault

MATERIAL_SHARE: Final = 0.2
"""Lag is a material part of a time when it is more than this share of it."""
NEGLIGIBLE_MS: Final = 10.0
"""Lag under this is the grain of a shared machine's scheduler, whatever the reported times are."""
DISTORTION_MS: Final = 30.0
"""A tenth of the tightest latency objective, 300 ms for reads: a percentile that is off by less decides nothing."""
DELAYED_SHARE_MAX: Final = 0.01
"""Objectives are set on the 99th percentile: what more than one request in a hundred met can decide them alone."""
HANDFUL_SHARE: Final = 0.001
"""A tenth of the hundredth that the 99th percentile leaves out."""
CPU_LIMIT_SHARE: Final = 0.95
"""Of one core, which is all that an event loop can use; the rest is the scheduler's and the accounting's grain."""
CPU_LIMIT_S: Final = 3
"""So many seconds in a row: a busy second or two are a burst, which a loop works off."""
GC_SHARE: Final = 0.5
"""Garbage collection is the cause when its pauses are at least this share of the longest lags."""
NAMED_SHARE: Final = 0.2
"""Seconds that touched less than this share of what the worst one did are not named beside it."""
JOIN_GAP_S: Final = 1
"""Stretches with no more than this between them are one."""


@dataclass(frozen=True)
class Window:
    """One worker in one second, counted from the drop or the start.

    `responses` are encoded histograms, `requests` how many times they hold; `lags_us` ascend, one for every 50 ms of
    the time that ended here, which may have begun in earlier seconds when its loop was blocked in them. `cpu_share` is
    of the `covers_s` seconds up to this one for which the worker reported here; they are 0 when it did not. `classes`:
    by name of each class of endpoints with objectives of its own, its requests and its histograms.
    """

    worker: str
    second: int
    requests: int = 0
    responses: tuple[bytes, ...] = ()
    lags_us: tuple[int, ...] = ()
    cpu_share: float = 0.0
    covers_s: int = 1
    gc_pause_ms: float = 0.0
    arrivals: int = 0
    dropped: int = 0
    classes: Mapping[str, tuple[int, tuple[bytes, ...]]] = field(default_factory=dict)

    @property
    def lag_max_ms(self) -> float:
        return self.lags_us[-1] / 1000 if self.lags_us else 0.0

    @property
    def began_s(self) -> int:
        """The first second that the longest lag reached back to."""
        return self.second - int(self.lag_max_ms / 1000)


@dataclass(frozen=True)
class Judgement:
    """`faults` make the run invalid, the largest first; `delayed` requests there may be in a valid run too."""

    faults: tuple[Fault, ...]
    requests: int
    delayed: int


@dataclass(frozen=True)
class _Late:
    """A window whose lag delayed some requests: how many, and how many had each (response, lag), in µs."""

    window: Window
    delayed: int
    pairs: Counter[tuple[int, int]]


@dataclass(frozen=True)
class _Stretch:
    """Late windows that follow each other, and what is between them, of workers that were late for the same cause."""

    cause: str
    from_s: int
    until_s: int
    windows: tuple[Window, ...]
    delayed: int


def judge(windows: Sequence[Window]) -> Judgement:
    """All windows of a run, in any order; see the module for the rules."""
    ordered = sorted(windows, key=attrgetter("worker", "second"))
    requests = sum(window.requests for window in ordered)
    late = [found for window in ordered if (found := _late(window)) is not None]
    delayed = sum(one.delayed for one in late)
    distortion = _distortion(ordered, late) if delayed > HANDFUL_SHARE * requests else None
    if distortion is None:
        distortion, late = next(_distorted_classes(ordered), (None, late))
    if distortion is not None:
        worst = max(one.delayed for one in late)
        late = [one for one in late if one.delayed >= NAMED_SHARE * worst]
    stretches = _joined(
        stretch
        for worker, own in groupby(late, lambda one: one.window.worker)
        for stretch in _split([window for window in ordered if window.worker == worker], own)
    )
    if distortion is None:
        stretches = [one for one in stretches if one.cause != "held" and one.delayed > DELAYED_SHARE_MAX * requests]
    faults = [_fault(stretch, requests, distortion) for stretch in stretches] + _dropped(ordered)
    faults.sort(key=attrgetter("requests"), reverse=True)
    return Judgement(tuple(faults), requests, delayed)


def percentile_of(ascending: Sequence[int], percentile: float) -> int:
    """By nearest rank; 0 of nothing."""
    rank = -(-len(ascending) * percentile // 100)
    return ascending[max(int(rank), 1) - 1] if ascending else 0


def _late(window: Window) -> _Late | None:
    """None when no request of the window was delayed."""
    if window.lag_max_ms <= NEGLIGIBLE_MS or not window.requests:
        return None
    responses = [response_us for response_us, count in recorded(hdr.merge(window.responses)) for _ in range(count)]
    lags = window.lags_us
    pairs = Counter(
        (response_us, min(lags[(2 * rank + 1) * len(lags) // (2 * len(responses))], response_us))
        for rank, response_us in enumerate(responses)
    )
    delayed = sum(count for (response_us, lag_us), count in pairs.items() if _is_material(lag_us, response_us))
    return _Late(window, delayed, pairs) if delayed else None


def _is_material(part_us: float, whole_us: float) -> bool:
    return part_us > NEGLIGIBLE_MS * 1000 and part_us > MATERIAL_SHARE * whole_us


def _is_distorted(before_ms: float, after_ms: float) -> bool:
    off_ms = before_ms - after_ms
    return off_ms > DISTORTION_MS and off_ms > MATERIAL_SHARE * before_ms


def _distortion(windows: Iterable[Window], late: Sequence[_Late]) -> Distortion | None:
    """The percentile that the lag lengthened most, if it did so by a material part."""
    spoiled = {id(one.window) for one in late}
    calm = [blob for window in windows if id(window) not in spoiled for blob in window.responses]
    reported, without = Counter[int](), Counter[int]()
    for one in late:
        for (response_us, lag_us), count in one.pairs.items():
            reported[response_us] += count
            without[max(response_us - lag_us, hdr.LOWEST_US)] += count
    before, after = (Distribution(calm, times_us).percentiles_ms() for times_us in (reported, without))
    found = [
        Distortion(name, getattr(before, name), getattr(after, name))
        for name in ("p50", "p90", "p99")
        if _is_distorted(getattr(before, name), getattr(after, name))
    ]
    return max(found, key=lambda one: 1 - one.without_ms / one.reported_ms, default=None)


def _distorted_classes(windows: Sequence[Window]) -> Iterator[tuple[Distortion, list[_Late]]]:
    """The classes of endpoints of which a percentile was lengthened by a material part, with their late windows."""
    for name in sorted({name for window in windows for name in window.classes}):
        counted = [(window, *window.classes.get(name, (0, ()))) for window in windows]
        own = [replace(window, requests=requests, responses=blobs) for window, requests, blobs in counted]
        late = [one for window in own if (one := _late(window)) is not None]
        if sum(one.delayed for one in late) > HANDFUL_SHARE * sum(window.requests for window in own):
            found = _distortion(own, late)
            if found is not None:
                yield replace(found, of=name), late


def _split(windows: Sequence[Window], late: Iterable[_Late]) -> Iterator[_Stretch]:
    """One worker's late windows, in their order, as stretches; `windows` are all of that worker's."""
    run: list[_Late] = []
    for one in late:
        if run and one.window.began_s > run[-1].window.second + 1 + JOIN_GAP_S:
            yield _stretch(windows, run)
            run = []
        run.append(one)
    if run:
        yield _stretch(windows, run)


def _stretch(windows: Sequence[Window], late: Sequence[_Late]) -> _Stretch:
    from_s, until_s = max(late[0].window.began_s, 0), late[-1].window.second + 1
    within = [window for window in windows if from_s <= window.second < until_s]
    return _Stretch(_cause(within), from_s, until_s, tuple(within), sum(one.delayed for one in late))


def _cause(windows: Iterable[Window]) -> str:
    """cpu: at its core's limit; gc: garbage collection; held: something else held or starved the loop."""
    limited_s, lag_ms, gc_pause_ms = 0, 0.0, 0.0
    for window in windows:
        if not window.covers_s:
            continue
        limited_s = limited_s + window.covers_s if window.cpu_share >= CPU_LIMIT_SHARE else 0
        if limited_s >= CPU_LIMIT_S:
            return "cpu"
        lag_ms += window.lag_max_ms
        gc_pause_ms += window.gc_pause_ms
    return "gc" if gc_pause_ms >= GC_SHARE * lag_ms else "held"


def _joined(stretches: Iterable[_Stretch]) -> list[_Stretch]:
    """Those of the same cause that overlap in time, whichever worker's, made one."""
    joined: list[_Stretch] = []
    for cause, group in groupby(sorted(stretches, key=attrgetter("cause", "from_s")), attrgetter("cause")):
        run: list[_Stretch] = []
        for one in group:
            if run and one.from_s < run[-1].until_s:
                last = run.pop()
                until_s, windows = max(last.until_s, one.until_s), last.windows + one.windows
                run.append(_Stretch(cause, last.from_s, until_s, windows, last.delayed + one.delayed))
            else:
                run.append(one)
        joined += run
    return joined


def _fault(stretch: _Stretch, requests: int, distortion: Distortion | None) -> Fault:
    windows = stretch.windows
    return Fault(
        cause=stretch.cause,
        from_s=stretch.from_s,
        until_s=stretch.until_s,
        workers=_workers(windows),
        requests=stretch.delayed,
        share=stretch.delayed / requests,
        lag_ms=max(window.lag_max_ms for window in windows),
        cpu_share=max(window.cpu_share for window in windows),
        gc_pause_ms=sum(window.gc_pause_ms for window in windows),
        distortion=distortion,
    )


def _dropped(windows: Sequence[Window]) -> list[Fault]:
    """One fault per stretch in which arrivals were dropped, if they were too many in all.

    A load that has no arrivals (a drop) may have people who never began: they are held against the requests.
    """
    dropped = sorted((window for window in windows if window.dropped), key=attrgetter("second"))
    lost = sum(window.dropped for window in dropped)
    due = sum(window.arrivals for window in windows) or lost + sum(window.requests for window in windows)
    if lost <= HANDFUL_SHARE * due:
        return []
    runs: list[list[Window]] = []
    for window in dropped:
        if runs and window.second <= runs[-1][-1].second + 1 + JOIN_GAP_S:
            runs[-1].append(window)
        else:
            runs.append([window])
    return [
        Fault(
            cause="dropped",
            from_s=max(run[0].second, 0),
            until_s=run[-1].second + 1,
            workers=_workers(run),
            requests=(count := sum(window.dropped for window in run)),
            share=count / due,
            lag_ms=max(window.lag_max_ms for window in run),
            cpu_share=max(window.cpu_share for window in run),
            gc_pause_ms=sum(window.gc_pause_ms for window in run),
            distortion=None,
        )
        for run in runs
    ]


def _workers(windows: Iterable[Window]) -> tuple[str, ...]:
    return tuple(sorted({window.worker for window in windows}))
