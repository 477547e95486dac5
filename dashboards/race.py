"""The dashboard of a race: who asks, what they are told and how fast, and who keeps them waiting."""

from dashboards import sli
from dashboards.board import Board
from dashboards.classes import PROBES
from dashboards.panels import THIRD, WHOLE, Limits, Query, Row, at_least, at_most, chart, figure
from dashboards.promql import APP, quantile, rate, select, swarm, swarm_rate, swarm_total
from slotrush.slo import Availability, Latency, Objectives

SCENARIO = "race"
LOOP_LAG_MAX_S = 0.1
"""A generator that is this late adds it to every answer that it measures; `slotrush` calls such a run invalid."""
CPU_SHARE_MAX = 0.9


def board(objectives: Objectives) -> Board:
    return Board(
        "race",
        "slotrush-race",
        "Race",
        "Does everyone get an answer, how fast, and which part keeps them waiting? Patients, booking system and load"
        " generator on one time axis.",
        [_crowd(objectives), _answers(objectives), _system(), _generator()],
        refresh="5s",
        since="now-15m",
    )


def _crowd(objectives: Objectives) -> Row:
    targets = [one.target for one in objectives.of(SCENARIO) if isinstance(one, Availability)]
    every = swarm_total("slotrush_requests_total")
    good = swarm_total("slotrush_requests_total", 'verdict="good"')
    asked = swarm_total("slotrush_writes_total", 'action="request"')
    won = swarm_total("slotrush_writes_total", 'action="request",outcome="acknowledged"')
    return "What patients see", [
        figure(
            "Phase",
            "What the swarm is doing: patients connect, wait for the drop, race, and are done.",
            "none",
            Query(f"{swarm('slotrush_phase')} == 1", "{{phase}}"),
            names_only=True,
        ),
        figure("Patients", "How many patients play at the moment.", "short", Query(f"sum({swarm('slotrush_users')})")),
        figure(
            "Answered as promised",
            "Share of the requests of the run that got the answer they were promised. A slot that somebody else"
            " got first is such an answer; errors, time-outs and being turned away are not.",
            "percentunit",
            Query(f"sum({good}) / sum({every})"),
            limits=at_least(max(targets)) if targets else Limits(((None, "blue"),)),
            decimals=3,
        ),
        figure(
            "Bookings won", "Bookings that patients were told they have.", "short", Query(f"sum({won})"), decimals=0
        ),
        figure(
            "Attempts for each booking",
            "How often patients had to try, all together, for each slot that was booked.",
            "short",
            Query(f"sum({asked}) / (sum({won}) > 0)"),
            decimals=1,
        ),
        figure(
            "Arrivals dropped",
            "Arrivals of an open load that found no free user and never happened. Any at all, and the load was less"
            " than was asked for.",
            "short",
            Query(f"sum({swarm_total('slotrush_arrivals_dropped_total')})"),
            limits=at_most(1),
            decimals=0,
        ),
    ]


def _answers(objectives: Objectives) -> Row:
    times = swarm_rate("slotrush_response_seconds_bucket")
    latencies = [one for one in objectives.of(SCENARIO) if isinstance(one, Latency)]
    loosest_s = max((one.threshold_ms / 1000 for one in latencies), default=None)
    requests = swarm_rate("slotrush_requests_total")
    writes = swarm_rate("slotrush_writes_total")
    return "Answers", [
        chart(
            "Requests by verdict",
            "Requests answered per second. Good is as promised, refused was turned away (429, 503), bad is everything"
            " that should not happen.",
            "reqps",
            Query(f"sum by (verdict) ({requests})", "{{verdict}}"),
            stacked=True,
        ),
        chart(
            "Response time",
            "How long patients wait, from the moment at which they meant to ask. Half of them wait less than the p50,"
            " one in a hundred longer than the p99. The line is what a race promises.",
            "s",
            Query(quantile(0.5, times), "p50"),
            Query(quantile(0.99, times), "p99"),
            Query(quantile(0.999, times), "p99.9"),
            limits=None if loosest_s is None else at_most(loosest_s),
        ),
        chart(
            "Requests by endpoint",
            "What patients and doctors ask for.",
            "reqps",
            Query(f"sum by (endpoint) ({requests})", "{{endpoint}}"),
        ),
        chart(
            "p99 by endpoint",
            "Which kind of request is slow.",
            "s",
            Query(quantile(0.99, times, "endpoint"), "{{endpoint}}"),
            limits=None if loosest_s is None else at_most(loosest_s),
        ),
        chart(
            "Writes by outcome",
            "What became of everything that should change something: acknowledged, refused for a good reason, or"
            " unknown because the answer never came.",
            "wps",
            Query(f"sum by (action, outcome) ({writes})", "{{action}} {{outcome}}"),
            span=WHOLE,
        ),
    ]


def _system() -> Row:
    replica_cpu = f"{select('process_cpu_seconds_total', APP)}"
    return "The booking system at the same moment", [
        chart(
            "Requests by replica",
            "Whether the proxy spreads the load evenly.",
            "reqps",
            Query(f"sum by (instance) ({rate(sli.REQUESTS, APP, PROBES)})", "{{instance}}"),
            span=THIRD,
        ),
        chart(
            "p99 inside the replicas",
            "From a request's arrival in a replica to the end of its answer. Where patients wait longer than that, they"
            " wait in front of the replicas.",
            "s",
            Query(quantile(0.99, rate(f"{sli.DURATION}_bucket", APP, PROBES), "route"), "{{route}}"),
            span=THIRD,
        ),
        chart(
            "CPU of the replicas",
            "In cores. A replica is one process, so 1 is all that it can use.",
            "short",
            Query(f"sum by (instance) (rate({replica_cpu}[$__rate_interval]))", "{{instance}}"),
            span=THIRD,
            limits=at_most(1),
        ),
        chart(
            "Booking attempts",
            "What became of them inside the system.",
            "ops",
            Query(f"sum by (outcome) ({rate('bookings_total', APP)})", "{{outcome}}"),
            span=THIRD,
        ),
        chart(
            "Answered early",
            "Bookings that were told 'taken' without asking the database: what keeps a hot slot cheap.",
            "ops",
            Query(f"sum({rate('bookings_answered_early_total', APP)})", "without the database"),
            Query(f"sum({rate('bookings_total', APP)})", "all attempts"),
            span=THIRD,
        ),
        chart(
            "Connections",
            "What the proxy holds open: towards patients, and towards the replicas.",
            "short",
            Query(f"sum({select('envoy_http_downstream_cx_active')})", "patients"),
            Query(f"sum({select('envoy_cluster_upstream_cx_active')})", "replicas"),
            span=THIRD,
        ),
    ]


def _generator() -> Row:
    due, dropped = (swarm_rate(f"slotrush_arrivals_{kind}_total") for kind in ("due", "dropped"))
    return "The load generator: can the figures be believed?", [
        chart(
            "Event loop lag",
            "How late the generator itself is. Its lag is part of every time that it measures.",
            "s",
            Query(swarm("slotrush_generator_loop_lag_seconds"), "{{worker}}"),
            span=THIRD,
            limits=at_most(LOOP_LAG_MAX_S),
        ),
        chart(
            "CPU of the workers",
            "As a share of one core. A worker near 100 % is the bottleneck, whatever the booking system does.",
            "percentunit",
            Query(swarm("slotrush_generator_cpu_share"), "{{worker}}"),
            span=THIRD,
            limits=at_most(CPU_SHARE_MAX),
        ),
        chart(
            "Arrivals",
            "Of an open load: how many were due per second, and how many never happened.",
            "short",
            Query(f"sum({due})", "due"),
            Query(f"sum({dropped})", "dropped"),
            span=THIRD,
        ),
    ]
