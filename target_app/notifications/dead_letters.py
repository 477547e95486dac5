"""The stream of e-mails that were given up. Each is there once, until it is tried again."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple
from uuid import UUID

from redis.asyncio import Redis

PAGE: Final = 1_000


class Address(NamedTuple):
    """Which e-mail: about what event, and to whom (patient or doctor)."""

    event: UUID
    role: str


async def find(redis: Redis, stream: str, addresses: Collection[Address]) -> list[bytes]:
    """The entries about these e-mails."""
    wanted = {(str(address.event).encode(), address.role.encode()) for address in addresses}
    found: list[bytes] = []
    start = "-"
    while page := await redis.xrange(stream, min=start, count=PAGE):
        entries: list[Any] = page
        found.extend(entry for entry, fields in entries if (fields.get(b"event"), fields.get(b"to")) in wanted)
        start = f"({entries[-1][0].decode()}"
    return found


async def replace(
    redis: Redis, stream: str, tried: Collection[Address], failed: Collection[tuple[Address, str]]
) -> None:
    """Remove the e-mails that were `tried` again, and add those that `failed`, each with its error; all or nothing."""
    old = await find(redis, stream, tried) if tried else []
    if not old and not failed:
        return
    async with redis.pipeline(transaction=True) as pipeline:
        if old:
            pipeline.xdel(stream, *old)
        for address, error in failed:
            pipeline.xadd(stream, {"event": str(address.event), "to": address.role, "error": error})
        await pipeline.execute()
