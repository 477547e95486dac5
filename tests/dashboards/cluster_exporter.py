"""An exporter that stands for those of a cluster: replays cluster_metrics.txt frame by frame, and stays at the last.

`python cluster_exporter.py --frame-s 2` prints the URL that it answers at.
"""

import argparse
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final, NamedTuple

METRICS: Final = Path(__file__).with_name("cluster_metrics.txt")
SERIES: Final = re.compile(r"^(?P<series>\w+\{.*\}) (?P<values>[^}]+)$")


class Series(NamedTuple):
    """`values` are as they are written, one for each frame; `-` is none."""

    name: str
    values: list[str]


def recorded(path: Path = METRICS) -> list[Series]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [match for line in lines if (match := SERIES.match(line))]
    return [Series(match["series"], match["values"].split()) for match in found]


def exposition(series: list[Series], frame: int) -> str:
    """The page of a frame; after the last one it stays the last."""
    values = ((one.name, one.values[min(frame, len(one.values) - 1)]) for one in series)
    return "".join(f"{name} {value}\n" for name, value in values if value != "-")


class _Page(BaseHTTPRequestHandler):
    def __init__(self, series: list[Series], began_s: float, frame_s: float, *request: object) -> None:
        self._series, self._began_s, self._frame_s = series, began_s, frame_s
        super().__init__(*request)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        frame = int((time.monotonic() - self._began_s) / self._frame_s)
        page = exposition(self._series, frame).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def server(frame_s: float, port: int = 0) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Page, recorded(), time.monotonic(), frame_s))


@contextmanager
def served(frame_s: float) -> Iterator[int]:
    """Meanwhile the exporter answers at the port."""
    with server(frame_s) as exporter:
        thread = Thread(target=exporter.serve_forever)
        thread.start()
        try:
            yield int(exporter.server_port)
        finally:
            exporter.shutdown()
            thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frame-s", type=float, default=15.0, help="How long each frame of the record lasts.")
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    with server(asked.frame_s, asked.port) as listening:
        print(f"http://127.0.0.1:{listening.server_port}/metrics", flush=True)
        listening.serve_forever()
