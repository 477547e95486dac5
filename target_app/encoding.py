"""JSON as every answer has it: times in UTC with a Z, ids as text."""

from uuid import UUID

import orjson


def to_json(value: object) -> bytes:
    return orjson.dumps(value, default=_id, option=orjson.OPT_UTC_Z)


def _id(value: object) -> str:
    """asyncpg's ids are of a subclass of UUID, which orjson leaves to its caller."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
