"""The dashboard of the objectives: are they kept, how much budget is left, and how fast does it burn."""

from dashboards import sli
from dashboards.board import Board
from dashboards.burning import burn_windows
from dashboards.classes import PROBES
from dashboards.panels import QUARTER, THIRD, Limits, Query, Row, at_least, at_most, chart, figure, rising
from dashboards.promql import APP, increase, quantile, rate
from dashboards.rules import period
from dashboards.sli import Measured
from slotrush.slo import Latency, Objectives


def board(objectives: Objectives) -> Board:
    held = sli.measured(objectives)
    return Board(
        "availability",
        "slotrush-availability",
        "Availability",
        "Are the objectives kept, how much may still go wrong, and how fast is that used up?",
        [_now(held), *(_of(objective) for objective in held), _causes()],
        since="now-24h",
        refresh="1m",
    )


def _recorded(name: str, objective: Measured) -> str:
    return f'{name}{{namespace=~"$namespace",sloth_service="booking",sloth_slo="{objective.name}"}}'


def _now(held: list[Measured]) -> Row:
    panels = [
        figure(
            f"Budget left: {objective.title}",
            f"Of what may go wrong within {period(objective)}, the part that is left. All requests count alike: a rush"
            " counts for more than a quiet night. Below zero the objective is missed.",
            "percentunit",
            Query(f"min({_recorded('slo:period_error_budget_remaining:ratio', objective)})"),
            span=QUARTER,
            limits=Limits(((None, "red"), (0, "orange"), (0.25, "green"))),
            decimals=1,
        )
        for objective in held
    ]
    alarm = figure(
        "Alerts",
        "How many alerts of the booking system are firing.",
        "short",
        Query('count(ALERTS{alertname=~"Booking.*",alertstate="firing"}) or vector(0)'),
        span=QUARTER,
        limits=at_most(1),
    )
    return "Now", [*panels, alarm]


def _of(objective: Measured) -> Row:
    promise = f"{objective.target * 100:.10g} %"
    speeds = burn_windows()
    factors = sorted({one.factor(objective.window_s) for one in speeds})
    return objective.title, [
        chart(
            "Share as promised",
            f"Of the requests within the last 5 minutes and the last hour. The line is the objective: {promise}."
            + (
                f" As promised is: good, and in less than {objective.threshold_ms:g} ms."
                if isinstance(objective, Latency)
                else ""
            ),
            "percentunit",
            *(
                Query(f"1 - {_recorded(f'slo:sli_error:ratio_rate{window}', objective)}", f"{window} {{{{namespace}}}}")
                for window in ("5m", "1h")
            ),
            span=THIRD,
            limits=at_least(objective.target),
            floor=None,
        ),
        chart(
            "Burn rate",
            f"1 uses the whole budget up in exactly {period(objective)}. The lines are the speeds at which somebody is"
            " told, at night from the second highest on; an alert wants a short and a long window above its line.",
            "short",
            *(
                Query(
                    f"{_recorded(f'slo:sli_error:ratio_rate{one.long}', objective)}"
                    f" / on (sloth_id) group_left () {_budget(objective)}",
                    f"{one.long} {{{{namespace}}}}",
                )
                for one in speeds
            ),
            span=THIRD,
            limits=rising(*factors),
        ),
        chart(
            "Budget left over time",
            "Where it falls steeply, something happened.",
            "percentunit",
            Query(_recorded("slo:period_error_budget_remaining:ratio", objective), "{{namespace}}"),
            span=THIRD,
            limits=at_least(0),
            floor=None,
        ),
    ]


def _budget(objective: Measured) -> str:
    return f'slo:error_budget:ratio{{sloth_slo="{objective.name}"}}'


def _causes() -> Row:
    requests = rate(sli.REQUESTS, APP, PROBES)
    buckets = rate(f"{sli.DURATION}_bucket", APP, PROBES)
    return "What is behind it", [
        chart(
            "Answers by status",
            "409 is a good answer: somebody else was faster. 5xx, and 429, are what the budget pays for.",
            "reqps",
            Query(f"sum by (status) ({requests})", "{{status}}"),
            span=THIRD,
            stacked=True,
        ),
        chart(
            "p99 by route",
            "Measured in the replicas.",
            "s",
            Query(quantile(0.99, buckets, "method", "route"), "{{method}} {{route}}"),
            span=THIRD,
        ),
        chart(
            "Requests by route, in the time shown",
            "What counts most in the objectives, which weigh by requests.",
            "short",
            Query(f"sum by (method, route) ({increase(sli.REQUESTS, APP, PROBES)})", "{{method}} {{route}}"),
            span=THIRD,
        ),
    ]
