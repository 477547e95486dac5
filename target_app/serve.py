"""Runs one replica: `python -m target_app.serve --port 8000`. The environment configures it, see settings.py."""

import argparse
import gc
import os
import shutil
import socket
import tempfile
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from target_app.settings import Settings

KEEP_ALIVE_S = 75
"""Must outlive the idle time-out of the proxy in front, or the two race to close a connection and requests fail."""
BACKLOG = 4096
DRAIN_VARIABLE = "DRAIN_S"


def application() -> object:
    """The factory that uvicorn calls in each worker process."""
    from target_app.app import create_app  # noqa: PLC0415  after PROMETHEUS_MULTIPROC_DIR is set

    app = create_app(Settings.from_environment(), float(os.environ.get(DRAIN_VARIABLE, "0")))
    spare_the_garbage_collector()
    return app


def spare_the_garbage_collector() -> None:
    """What is there now stays, and requests free by count what they made: looking for cycles less often takes a
    fifteenth off the CPU of a replica in a race."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m target_app.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--uds", type=Path, help="a Unix socket to listen at too, for a proxy on this machine")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port")
    parser.add_argument("--drain-s", type=float, default=0.0, help="how long to serve on after SIGTERM, not ready")
    options = parser.parse_args()
    Settings.from_environment()
    os.environ[DRAIN_VARIABLE] = str(options.drain_s)
    shared_metrics = None
    if options.workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        shared_metrics = Path(tempfile.mkdtemp(prefix="target_app-metrics-"))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared_metrics)
    config = uvicorn.Config(
        "target_app.serve:application",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=20,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        log_level="warning",
    )
    sockets = [config.bind_socket()]
    if options.uds is not None:
        sockets.append(unix_socket(options.uds))
    try:
        if options.workers > 1:
            Multiprocess(config, sockets=sockets).run()
        else:
            uvicorn.Server(config).run(sockets=sockets)
    finally:
        if options.uds is not None:
            options.uds.unlink(missing_ok=True)
        if shared_metrics is not None:
            shutil.rmtree(shared_metrics, ignore_errors=True)


def unix_socket(path: Path) -> socket.socket:
    """Listens at `path`, in place of whoever left a socket there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


if __name__ == "__main__":
    main()
