"""A booking system of one doctor whose slots are always taken, and the people who go there, for tests of the engine."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.serving import answering

AGENDA: Final = {"total": 1, "free": 1, "slots": [{"id": "0", "starts_at": "2027-01-01T12:00:00Z", "minutes": 30}]}
TAKEN: Final = {"type": "/problems/slot-taken", "title": "The slot is taken", "status": 409}
PATIENTS: Final = 12
DOCTORS: Final = 3
LOCUSTFILE: Final = Path(__file__).with_name("little_swarm.py")


class LittleClinic:
    """Runs in threads; `answers_after_s` may be changed while it runs."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.answers_after_s = 0.0
        self.asked = 0
        clinic = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(200, AGENDA)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(409, TAKEN)

            def answer(self, status: int, content: dict[str, Any]) -> None:
                clinic.asked += 1
                time.sleep(clinic.answers_after_s)
                body = json.dumps(content).encode()
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that is gone."""

        self._server = Server((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator["LittleClinic"]:
        with answering(self._server):
            yield self


def write_bank(path: Path, staff: int = 0) -> Path:
    """Ids that say who somebody is: patient-0, doctor-0, staff-0."""
    groups = {"patients": ("patient", PATIENTS), "doctors": ("doctor", DOCTORS), "staff": ("staff", staff)}
    bank = {
        group: [{"id": f"{role}-{k}", "specialty": "cardiology", "token": f"{role}{k}"} for k in range(count)]
        for group, (role, count) in groups.items()
    }
    path.write_text(json.dumps(bank))
    return path
