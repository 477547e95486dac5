"""A small HTTP server that answers as Grafana documents the few endpoints that are used here.

The one stand-in of this project: a Grafana cannot be had from the package registries that the tests may use. It follows
https://grafana.com/docs/grafana/latest/developers/http_api/ (dashboard, folder, data_source, annotations, other).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.serving import answering

Json = dict[str, Any]
ADMIN: Final = "glsa_admin"
VIEWER: Final = "glsa_viewer"
PROMETHEUS: Final[Json] = {"id": 1, "uid": "prom", "name": "Prometheus", "type": "prometheus", "isDefault": True}
DENIED: Final = "You'll need additional permissions to perform this action."


@dataclass
class Contents:
    """What this Grafana is and holds. `sick` data sources, by uid, do not answer queries."""

    version: str = "12.3.0"
    prefix: str = ""
    sources: list[Json] = field(default_factory=lambda: [dict(PROMETHEUS)])
    sick: set[str] = field(default_factory=set)
    folders: dict[str, Json] = field(default_factory=dict)
    dashboards: dict[str, Json] = field(default_factory=dict)
    annotations: list[Json] = field(default_factory=list)
    writes: int = 0


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Api(BaseHTTPRequestHandler):
    def __init__(self, contents: Contents, *request: object) -> None:
        self.contents = contents
        super().__init__(*request)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: Json) -> None:
        try:
            status, found = 200, self._route(body)
        except _Refusal as refusal:
            status, found = refusal.status, {"message": str(refusal)}
        page = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def _route(self, body: Json) -> Any:
        parts = urlsplit(self.path)
        if not parts.path.startswith(f"{self.contents.prefix}/api/"):
            raise _Refusal(404, "Not found")
        path = parts.path.removeprefix(f"{self.contents.prefix}/api/")
        if path == "health":
            return {"database": "ok", "version": self.contents.version, "commit": "0123456789"}
        self._check_token(path)
        if self.command == "POST":
            self.contents.writes += 1
            return {"folders": self._add_folder, "dashboards/db": self._put, "annotations": self._mark}[path](body)
        head, _, name = path.rpartition("/")
        match head:
            case "folders":
                return self._found(self.contents.folders, name)
            case "dashboards/uid":
                return self._found(self.contents.dashboards, name)
            case "":
                return self._marked(parts.query) if name == "annotations" else self.contents.sources
        uid = head.removeprefix("datasources/uid/")
        if uid in self.contents.sick:
            raise _Refusal(400, "connection refused")
        return {"status": "OK", "message": "Successfully queried the Prometheus API."}

    def _check_token(self, path: str) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (ADMIN, VIEWER):
            raise _Refusal(401, "Invalid API key")
        if token == VIEWER and (self.command == "POST" or path == "datasources"):
            raise _Refusal(403, DENIED)

    def _found(self, stored: dict[str, Json], name: str) -> Json:
        if name not in stored:
            raise _Refusal(404, "not found")
        return stored[name]

    def _add_folder(self, body: Json) -> Json:
        self.contents.folders[body["uid"]] = {**body, "id": len(self.contents.folders) + 1, "version": 1}
        return self.contents.folders[body["uid"]]

    def _put(self, body: Json) -> Json:
        wanted, folder_uid = body["dashboard"], body["folderUid"]
        if folder_uid not in self.contents.folders:
            raise _Refusal(400, "folder not found")
        former = self.contents.dashboards.get(wanted["uid"])
        if former is not None and not body["overwrite"]:
            raise _Refusal(412, "The dashboard has been changed by someone else")
        version = 1 if former is None else former["dashboard"]["version"] + 1
        stored = {**wanted, "id": len(self.contents.dashboards) + 1, "version": version}
        self.contents.dashboards[wanted["uid"]] = {"dashboard": stored, "meta": {"folderUid": folder_uid}}
        return {"status": "success", "uid": wanted["uid"], "version": version}

    def _mark(self, body: Json) -> Json:
        self.contents.annotations.append({**body, "id": len(self.contents.annotations) + 1})
        return {"message": "Annotation added", "id": len(self.contents.annotations)}

    def _marked(self, query: str) -> list[Json]:
        """Those that carry every tag, at most 100 unless more are asked for."""
        asked = parse_qs(query)
        wanted = set(asked.get("tags", []))
        found = [one for one in self.contents.annotations if wanted <= set(one["tags"])]
        return found[: int(asked.get("limit", ["100"])[0])]


@contextmanager
def served(contents: Contents) -> Iterator[str]:
    """Meanwhile it answers at the URL."""
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Api, contents))) as server:
        yield f"http://127.0.0.1:{server.server_port}{contents.prefix}"
