"""A Grafana by its HTTP API: what is there, and putting something there; its refusals become one message each.

API: https://grafana.com/docs/grafana/latest/developers/http_api/
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from slotrush.errors import BadInputError, SlotrushError
from slotrush.grafana.marks import Mark

VERSION_MIN: Final = 12
"""The major version that knows the schema of the dashboards (42); an older one shows them wrong without a word."""
TIMEOUT_S: Final = 10.0
ANNOTATIONS_MAX: Final = 5_000
Answer = TypeVar("Answer")


class Grafana:
    """One organisation of a Grafana, reached with a token of a service account, or user:password in the URL."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInputError(f"--grafana {url}", "it is no URL", "Use one like https://grafana.example.org")
        self.name = f"Grafana {parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        if token is None and parts.username is None:
            raise BadInputError(self.name, "there is no token for it", "Set GRAFANA_TOKEN to a service account's token")
        self._api = GrafanaApi.from_url(url if url.endswith("/") else f"{url}/", token, TIMEOUT_S)

    def version(self) -> str:
        """Raises BadInputError when it is no Grafana, or one that is too old."""
        health = self._ask("reading its health", self._api.health.check)
        version = health.get("version") if isinstance(health, dict) else None
        if not isinstance(version, str):
            raise self._no_grafana()
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) < VERSION_MIN:
            raise BadInputError(self.name, f"it is version {version}", f"The dashboards need {VERSION_MIN} or later")
        return version

    def data_source(self, wanted: str | None) -> dict[str, Any]:
        """The Prometheus of that name or uid, or the default one, or the only one; it answers queries.

        Raises BadInputError when there is none, several and none the default, or it does not answer.
        """
        listed = self._ask("listing its data sources", self._api.datasource.list_datasources, "datasources:read")
        known = [one for one in listed if one["type"] == "prometheus"]
        names = ", ".join(one["name"] for one in known) or "none"
        if wanted is not None:
            known = [one for one in known if wanted in (one["name"], one["uid"])]
        elif len(known) > 1:
            known = [one for one in known if one.get("isDefault")]
        if len(known) != 1:
            asked = f"data source {wanted}" if wanted else "one data source of type Prometheus"
            mend = "Name one with --data-source" if names != "none" else "Add one under Connections, Data sources"
            raise BadInputError(self.name, f"it does not have {asked} (it has {names})", mend)
        found = dict(known[0])
        self._check_data_source(found)
        return found

    def dashboard(self, uid: str) -> dict[str, Any] | None:
        """As it is stored, with its `meta`; None when there is none."""
        return self._find("reading a dashboard", lambda: self._api.dashboard.get_dashboard(uid), "dashboards:read")

    def folder(self, uid: str) -> dict[str, Any] | None:
        return self._find("reading a folder", lambda: self._api.folder.get_folder(uid), "folders:read")

    def create_folder(self, uid: str, title: str) -> None:
        self._ask("making a folder", lambda: self._api.folder.create_folder(title, uid), "folders:create")

    def put_dashboard(self, dashboard: dict[str, Any], folder_uid: str, message: str) -> None:
        """Create it, or replace the one with its uid, whatever somebody made of that."""
        payload = {"dashboard": dashboard, "folderUid": folder_uid, "overwrite": True, "message": message}
        self._ask("storing a dashboard", lambda: self._api.dashboard.update_dashboard(payload), "dashboards:write")

    def marks(self, tags: Sequence[str]) -> set[tuple[int, str]]:
        """(milliseconds, text) of the annotations that carry all the tags."""
        found = self._ask(
            "reading annotations",
            lambda: self._api.annotations.get_annotation(tags=list(tags), limit=ANNOTATIONS_MAX),
            "annotations:read",
        )
        return {(one["time"], one["text"]) for one in found}

    def add_mark(self, mark: Mark) -> None:
        self._ask(
            "adding an annotation",
            lambda: self._api.annotations.add_annotation(
                time_from=mark.at_ms, time_to=mark.at_ms, tags=list(mark.tags), text=mark.text
            ),
            "annotations:create",
        )

    def _check_data_source(self, found: dict[str, Any]) -> None:
        path = f"/datasources/uid/{found['uid']}/health"
        mend = "Test it under Connections, Data sources"
        try:
            health = self._ask("checking a data source", lambda: self._api.client.GET(path), "datasources:query")
        except _RefusedError as error:
            raise BadInputError(f"{self.name}, data source {found['name']}", error.problem, mend) from error
        if health.get("status") != "OK":
            raise BadInputError(f"{self.name}, data source {found['name']}", str(health.get("message")), mend)

    def _find(self, doing: str, question: Callable[[], Answer], right: str) -> Answer | None:
        try:
            return self._ask(doing, question, right)
        except _NotThereError:
            return None

    def _ask(self, doing: str, question: Callable[[], Answer], right: str = "") -> Answer:
        """Raises BadInputError for what the user can mend."""
        try:
            return question()
        except GrafanaException as error:
            raise self._refused(doing, right, error) from error
        except requests.exceptions.JSONDecodeError as error:
            raise self._no_grafana() from error
        except requests.exceptions.RequestException as error:
            raise BadInputError(self.name, f"it cannot be reached ({_reason(error)})", "Check the URL") from error

    def _no_grafana(self) -> BadInputError:
        return BadInputError(self.name, "it answers, but not like a Grafana", "Check the URL, also its path")

    def _refused(self, doing: str, right: str, error: GrafanaException) -> SlotrushError:
        said = error.response.get("message") if isinstance(error.response, dict) else None
        problem = f"{doing} was refused: {error.status_code} {said or error.message}"
        if error.status_code == 401:
            return BadInputError(self.name, "it does not know the token", "Set GRAFANA_TOKEN to a valid one")
        if error.status_code == 403:
            return BadInputError(self.name, problem, f"Give the token's service account the permission {right}")
        if error.status_code == 404:
            return _NotThereError(self.name, problem, "Check the URL, also its path")
        mend = "Read what it says" if isinstance(error, GrafanaClientError) else "Look at its log, and try again"
        return _RefusedError(self.name, problem, mend)


class _RefusedError(BadInputError):
    """The server has another reason than rights."""


class _NotThereError(_RefusedError):
    """It says 404."""


def _reason(error: requests.exceptions.RequestException) -> str:
    """The innermost of the errors, which says what happened; those around it say where in a library."""
    reason: BaseException = error
    while (inner := reason.__cause__ or reason.__context__) is not None:
        reason = inner
    return str(reason)
