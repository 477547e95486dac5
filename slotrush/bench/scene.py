"""What every benchmark of the booking system begins with: one stack, people, and slots to book."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from slotrush.bench.driver import request
from slotrush.bench.wiretap import Wiretap
from slotrush.errors import StackError
from slotrush.stack import Stack, StackOptions, StackUrls, app
from slotrush.stack.app import OURS, Code
from slotrush.stack.ports import HOST, Ports

_SLOT: Final = timedelta(minutes=30)
_SEED_TIMEOUT_S: Final = 120
READY_POLL_S: Final = 0.05


@dataclass(frozen=True)
class Scene:
    stack: Stack
    urls: StackUrls
    sessions: dict[str, list[dict[str, Any]]]
    """The session bank: patients and doctors with their tokens."""
    code: Code = OURS

    def token(self, role: str, number: int) -> str:
        return str(self.sessions[role][number]["token"])


@contextmanager
def scene(patients: int, doctors: int, replicas: int, code: Code = OURS, **environment: str) -> Iterator[Scene]:
    """A seeded stack that nobody else uses, of the booking system `code`; `environment` configures its replicas."""
    options = StackOptions(Path(), replicas, proxies=1, objects=False, settings=environment, code=code)
    with scene_of(options, patients, doctors) as made:
        yield made


@contextmanager
def scene_of(options: StackOptions, patients: int, doctors: int) -> Iterator[Scene]:
    """As `scene`, of any stack; its `run_dir` is one that goes with it."""
    code = options.code
    with (
        tempfile.TemporaryDirectory(prefix="slotrush-bench-") as folder,
        Stack(replace(options, run_dir=Path(folder))) as stack,
    ):
        urls = stack.start(lambda step: print(f"  {step}", file=sys.stderr))
        bank = Path(folder) / "sessions.json"
        sizes = ["--patients", str(patients), "--doctors", str(doctors), "--sessions", str(bank)]
        seeding = subprocess.run(
            code.module("target_app.seed", *sizes),
            cwd=code.tree,
            env=urls.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SEED_TIMEOUT_S,
        )
        if seeding.returncode:
            raise StackError(f"seeding failed: {seeding.stderr.strip()[-500:]}")
        yield Scene(stack, urls, json.loads(bank.read_text()), code)


@asynccontextmanager
async def tapped(scene: Scene) -> AsyncIterator[tuple[str, Wiretap]]:
    """The URL of a replica of its own in the scene, and the wiretap between it and the database."""
    ports = Ports()
    port = ports.free()
    url = f"http://{HOST}:{port}"
    async with Wiretap(scene.urls.database_url) as tap:
        environment = scene.urls.environment() | {"DATABASE_URL": tap.url}
        command = app.replica(len(scene.urls.replica_urls) + 1, port, None, environment, scene.code)
        replica = await asyncio.create_subprocess_exec(*command.arguments, cwd=command.folder, env=environment)
        try:
            while not await asyncio.to_thread(app.ready, url):
                if replica.returncode is not None:
                    raise StackError(f"the replica behind the wiretap ended with code {replica.returncode}")
                await asyncio.sleep(READY_POLL_S)
            yield url, tap
        finally:
            replica.terminate()
            await replica.wait()
            ports.release()


def publication(token: str, key: str, first_day: int, slots: int) -> bytes:
    """A doctor's request for so many slots one after the other, from `first_day` days ahead."""
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=first_day)
    times = [{"starts_at": (begin + number * _SLOT).isoformat(), "minutes": 30} for number in range(slots)]
    return request("POST", "/v1/slots", token, key, orjson.dumps({"slots": times}))
