"""The percentiles of wrk beside those of the scenarios' own connections and recorder: the same closed load, in turns.

`python -m slotrush.bench.percentiles [--rounds 4] [--seconds 10] [--connections 64]`, or scripts/bench-percentiles. The
server, slotrush.bench.slow_server, delays its answers by a wide log-normal distribution, the same for both.

wrk adds to what it measured: when an answer took twice the mean interval of a connection or longer, it also counts the
requests that were not made meanwhile. So it is compared with our times after the same addition; what was measured is
the last column.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from gevent.pool import Group

from locustfiles.wire import Connection, Host
from slotrush import REPOSITORY
from slotrush.bench.logins import quantile
from slotrush.errors import BadInputError, SlotrushError, StackError
from slotrush.runs import hdr, record
from slotrush.runs.distribution import recorded
from slotrush.stack.ports import HOST
from slotrush.swarm import Recorder, now_us

PERCENTS: Final = (50, 90, 99)
_TIMEOUT_S: Final = 10
_SERVER_LIFETIME_S: Final = 3_600


@dataclass(frozen=True)
class Measured:
    """One run: its requests, and the PERCENTS of their times in µs, as wrk counts and (of our own) as they were."""

    requests: int
    as_wrk_us: tuple[float, ...]
    plain_us: tuple[float, ...] = ()


@contextmanager
def slow_server(connections: int) -> Iterator[int]:
    """The port of a server that runs inside the `with` block."""
    command = [sys.executable, "-m", "slotrush.bench.slow_server", str(connections), str(_SERVER_LIFETIME_S)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()


def find_wrk() -> str:
    """Raises BadInputError when it is not installed."""
    if wrk := shutil.which("wrk"):
        return wrk
    raise BadInputError("wrk", "it is not installed, and there is nothing to compare with", "apt-get install wrk")


def measure_wrk(wrk: str, port: int, connections: int, seconds: int) -> Measured:
    """Raises StackError when a request failed."""
    with as_file(files("slotrush.bench").joinpath("percentiles.lua")) as script:
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{_TIMEOUT_S}s", "-s", str(script)]
        finished = subprocess.run([*command, _url(port)], capture_output=True, text=True, check=False)
    name, requests, failed, *times_us = (finished.stdout.splitlines() or [""])[-1].split() or [""] * 3
    if name != "percentiles" or failed != "0":
        raise StackError(f"wrk could not measure, or requests failed: {finished.stdout}{finished.stderr}")
    return Measured(int(requests), tuple(map(float, times_us)))


def measure_client(port: int, connections: int, seconds: int) -> Measured:
    """The same load, recorded as a worker records it. Raises StackError when a request failed."""
    with tempfile.TemporaryDirectory(prefix="slotrush-percentiles-") as folder:
        path = Path(folder) / "part.sqlite"
        recorder = Recorder("bench", record.create(path))
        _ask_for(seconds, Host(_url(port), recorder, _TIMEOUT_S), connections)
        recorder.close()
        with closing(record.open_record(path)) as part:
            histogram = hdr.merge(response for (response,) in part.execute("SELECT response_hdr FROM latency"))
    requests = histogram.total_count
    interval_us = seconds * 1_000_000 // max(requests // connections, 1)
    as_wrk_us = list(as_wrk_counts(recorded(histogram), interval_us).elements())
    return Measured(
        requests,
        tuple(quantile(as_wrk_us, percent / 100) for percent in PERCENTS),
        tuple(float(histogram.get_value_at_percentile(percent)) for percent in PERCENTS),
    )


def _ask_for(seconds: int, host: Host, connections: int) -> None:
    endpoint = host.recorder.endpoint("GET /")
    request = b"GET / HTTP/1.1\r\n%b\r\n" % host.head
    end_us = now_us() + seconds * 1_000_000

    def ask_again_and_again(connection: Connection) -> None:
        while (sent_us := now_us()) < end_us:
            status, _ = connection.exchange(request, sent_us / 1e6)
            answered_us = now_us()
            if status != 200:
                raise StackError(f"the server answered with status {status}")
            if answered_us < end_us:  # wrk leaves those out that are under way at the end
                endpoint.answered(sent_us, sent_us, answered_us)
        connection.close()

    everyone = Group()
    for _ in range(connections):
        everyone.spawn(ask_again_and_again, Connection(host))
    everyone.join(raise_error=True)


def as_wrk_counts(times_us: Iterable[tuple[int, int]], interval_us: int) -> Counter[int]:
    """How often each time was measured, and beside it the times that its connection missed: when an answer took at
    least two intervals, one interval less, two less… as long as more than an interval is left (wrk, `stats_correct`).
    """
    counted: Counter[int] = Counter()
    for time_us, times in times_us:
        counted[time_us] += times
        if time_us >= 2 * interval_us:
            for missed_us in range(time_us - interval_us, interval_us, -interval_us):
                counted[missed_us] += times
    return counted


def table(wrk: Sequence[Measured], ours: Sequence[Measured]) -> list[str]:
    """The medians over the rounds; a ratio is the median of the rounds' ratios."""
    lines = [f"{'':6}{'wrk':>12}{'slotrush':>12}{'ratio':>9}{'lowest to highest':>20}{'as measured':>16}"]
    for at, percent in enumerate(PERCENTS):
        theirs_us = [one.as_wrk_us[at] for one in wrk]
        ours_us = [one.as_wrk_us[at] for one in ours]
        ratios = [own / other for own, other in zip(ours_us, theirs_us, strict=True)]
        lines.append(
            f"p{percent:<5}{statistics.median(theirs_us) / 1e3:9.2f} ms{statistics.median(ours_us) / 1e3:9.2f} ms"
            f"{statistics.median(ratios):9.4f}{min(ratios):11.4f} to {max(ratios):.4f}"
            f"{statistics.median(one.plain_us[at] for one in ours) / 1e3:13.2f} ms"
        )
    return lines


def _url(port: int) -> str:
    return f"http://{HOST}:{port}/"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-percentiles", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="of wrk and slotrush, in turns")
    parser.add_argument("--seconds", type=int, default=10, help="of each")
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    if min(options.rounds, options.seconds, options.connections) < 1:
        parser.error("--rounds, --seconds and --connections must be at least 1")
    theirs: list[Measured] = []
    ours: list[Measured] = []
    try:
        wrk = find_wrk()
        with slow_server(options.connections) as port:
            for turn in range(options.rounds):
                theirs.append(measure_wrk(wrk, port, options.connections, options.seconds))
                ours.append(measure_client(port, options.connections, options.seconds))
                print(f"  round {turn + 1} of {options.rounds}", file=sys.stderr)
    except SlotrushError as error:
        print(f"bench-percentiles: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    requests = sum(one.requests for one in theirs), sum(one.requests for one in ours)
    print(f"{options.connections} connections; {requests[0]:,} requests by wrk, {requests[1]:,} by slotrush")
    print("\n".join(table(theirs, ours)))


if __name__ == "__main__":
    main()
