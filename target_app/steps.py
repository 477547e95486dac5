"""What background workers are made of: steps that are repeated beside each other until the process is told to end."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import uvloop
from redis.exceptions import RedisError

from target_app.database import AGAIN_AFTER_S, TROUBLE
from target_app.logs import words

log = logging.getLogger(__name__)
CANCEL_AGAIN_S: Final = 0.2


class Step(NamedTuple):
    """`run` answers whether there is more to do at once; otherwise a pause follows."""

    name: str
    run: Callable[[], Awaitable[bool]]
    pause_s: float


async def for_ever(steps: Sequence[Step]) -> None:
    """Repeat all the steps, each at its own pace, until cancelled."""
    await together(*map(_repeat, steps))


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of it at once; when one part fails, or it is cancelled, end the others too.

    They are cancelled until they end: the Redis client loses a cancellation that comes while it connects.
    """
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=CANCEL_AGAIN_S)


def main(run: Callable[[], Awaitable[None]]) -> None:
    """A worker process: `run` until it is told to end."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvloop.run(_until_terminated(run))


async def _repeat(step: Step) -> None:
    """A server that is away is waited for."""
    while True:
        try:
            pause_s = 0.0 if await step.run() else step.pause_s
        except (RedisError, OSError, *TROUBLE) as error:
            log.warning("%s: %s; trying again in %.0f s", step.name, words(error), AGAIN_AFTER_S)
            pause_s = AGAIN_AFTER_S
        await asyncio.sleep(pause_s)


async def _until_terminated(run: Callable[[], Awaitable[None]]) -> None:
    work = asyncio.ensure_future(run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work
