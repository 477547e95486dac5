"""Objectives inside another document: as plain JSON, and read back."""

from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from slotrush.errors import BadInputError
from slotrush.slo.model import Objectives

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def to_json(objectives: Objectives) -> dict[str, Any]:
    """Everything that was in the file, as what `json` writes; of the file's place only its name, as others read it."""
    content: dict[str, Any] = _without_folders(_adapter().dump_python(objectives, mode="json"))
    return content


def from_json(content: Any, name: str) -> Objectives:
    """What `to_json` gave. Raises BadInputError for anything else, with the `name` of what it was in."""
    from pydantic import ValidationError  # noqa: PLC0415  keeps `--help` quick

    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, ("objectives", *first["loc"])))
        raise BadInputError(name, f"its {where} cannot be read: {first['msg']}", "Make it again") from None


def _without_folders(content: Any) -> Any:
    match content:
        case dict():
            return {
                key: PurePath(value).name if key == "path" and isinstance(value, str) else _without_folders(value)
                for key, value in content.items()
            }
        case list():
            return [_without_folders(value) for value in content]
    return content


@cache
def _adapter() -> "TypeAdapter[Objectives]":
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(Objectives)
