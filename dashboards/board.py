"""What all dashboards have in common: template variables, links to each other, the marks of runs, one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableRefresh,
    VariableSort,
)

from dashboards.panels import SOURCE, Row

TAG: Final = "slotrush"
"""On every dashboard, by which they link to each other, and on every annotation of a run."""
MARKS_MAX: Final = 1_000
FAMILY: Final = (
    ("slotrush-race", "Race"),
    ("slotrush-availability", "Availability"),
    ("slotrush-scaling", "Horizontal scaling"),
    ("slotrush-data", "Data tier"),
    ("slotrush-notifications", "Notifications"),
)


@dataclass(frozen=True)
class Board:
    """One dashboard: the `question` that it answers, and its rows from what the users see down to its causes."""

    name: str
    uid: str
    title: str
    question: str
    rows: Sequence[Row]
    refresh: str = "10s"
    since: str = "now-30m"

    def document(self) -> str:
        """As Grafana imports it. Places and ids of the panels follow from their order."""
        board = (
            build.Dashboard(f"slotrush: {self.title}")
            .uid(self.uid)
            .description(self.question)
            .tags([TAG])
            .time(self.since, "now")
            .refresh(self.refresh)
            .timezone("browser")
            .readonly()
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .annotations([_marks()])
            .links([_link(uid, title) for uid, title in FAMILY if uid != self.uid])
        )
        ids = count(1)
        for variable in _variables():
            board = board.with_variable(variable)
        for title, panels in self.rows:
            board = board.with_row(build.Row(title).id(next(ids)))
            for panel in panels:
                board = board.with_panel(panel.id(next(ids)))
        made = board.build()
        for shown in (*(made.links or ()), *((made.annotations and made.annotations.list_val) or ())):
            vars(shown)["placement"] = None  # else the library hides it in a menu
        return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(made) + "\n"


def _variables() -> list[build.DatasourceVariable | build.QueryVariable]:
    return [
        build.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _chosen("namespace", "Namespace", "label_values(http_requests_total, namespace)"),
        _chosen("run", "Run", 'label_values(slotrush_run_info{namespace=~"$namespace"}, run_id)'),
        _chosen("job", "App's job", 'label_values(http_requests_total{namespace=~"$namespace"}, job)'),
    ]


def _chosen(name: str, label: str, query: str) -> build.QueryVariable:
    """Everything, unless somebody chooses; also series without the label, as those of a Prometheus on a laptop."""
    return (
        build.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_DESC if name == "run" else VariableSort.ALPHABETICAL_ASC)
    )


def _marks() -> build.AnnotationQuery:
    """What `slotrush dashboards push --run` leaves in Grafana: the drop, faults, replicas that come and go."""
    target = build.AnnotationTarget().limit(MARKS_MAX).match_any(False).tags([TAG]).type("tags")
    return (
        build.AnnotationQuery()
        .name("Marks of runs")
        .datasource(DataSourceRef(type_val="grafana", uid="-- Grafana --"))
        .enable(True)
        .icon_color("purple")
        .target(target)  # type: ignore[arg-type]  # Grafana's own source has no Dataquery
    )


def _link(uid: str, title: str) -> build.DashboardLink:
    return build.DashboardLink(title).type(DashboardLinkType.LINK).url(f"/d/{uid}").include_vars(True).keep_time(True)
