"""JSON as every answer has it: times in UTC with a Z, ids as text."""

from uuid import UUID

import orjson


def to_json(value: object) -> bytes:
    return orjson.dumps(value, default=_id, option=orjson.OPT_UTC_Z)


def to_kept_json(value: object) -> bytes:
    """The same for short JSON that is remembered: orjson writes into a buffer of some KiB and shrinks it where it is,
    so that each short answer that stays keeps a hole of that size between itself and the next."""
    return bytes(memoryview(to_json(value)))


def _id(value: object) -> str:
    """asyncpg's ids are of a subclass of UUID, which orjson leaves to its caller."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
