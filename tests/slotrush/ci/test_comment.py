"""The GitLab job's comment on a merge request, sent to a server that speaks as much HTTP as it needs."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml

from slotrush import ci
from slotrush.ci import Service
from tests.serving import answering

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the job needs curl")
VERDICT = "## ✅ Passed: every objective is met\n\n| | objective |\n|---|---|\n| 100 % & more | a=b |\n"
REQUEST = {"CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "42", "SLOTRUSH_TOKEN": "t0ken"}


class GitLab(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Notes)
        self.notes: list[tuple[str, str | None, str]] = []


class Notes(BaseHTTPRequestHandler):
    server: GitLab

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["body"][0]
        self.server.notes.append((self.path, self.headers["PRIVATE-TOKEN"], body))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with answering(GitLab()) as server:
        yield server


def after_script(folder: Path, gitlab: GitLab, **variables: str) -> subprocess.CompletedProcess[str]:
    (script,) = yaml.safe_load(ci.template(Service.GITLAB, "slotrush==1.0"))["slotrush"]["after_script"]
    (folder / "gate").mkdir()
    (folder / "gate" / "gate.md").write_text(VERDICT)
    url = {"CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_port}/api/v4"}
    environment = {"PATH": os.environ["PATH"]} | url | variables
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_verdict_is_a_note_on_the_merge_request(tmp_path: Path, gitlab: GitLab) -> None:
    done = after_script(tmp_path, gitlab, **REQUEST)
    assert done.returncode == 0, done.stderr
    assert gitlab.notes == [("/api/v4/projects/7/merge_requests/42/notes", "t0ken", VERDICT)]


@pytest.mark.parametrize("missing", ["CI_MERGE_REQUEST_IID", "SLOTRUSH_TOKEN"])
def test_without_a_merge_request_or_a_token_there_is_none(tmp_path: Path, gitlab: GitLab, missing: str) -> None:
    done = after_script(tmp_path, gitlab, **{name: value for name, value in REQUEST.items() if name != missing})
    assert (done.returncode, gitlab.notes) == (0, [])
