"""Query parameters of hot routes: a model reads them, and documents them, since FastAPI does neither."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, ValidationError

from target_app.problems import invalid

Model = TypeVar("Model", bound=BaseModel)
_QUERY_BYTES_MAX: Final = 8_192


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters only")
    return text


def _one_space(text: str) -> str:
    return " ".join(text.split())


Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC)),
    AfterValidator(lambda moment: moment.astimezone(UTC)),
]
"""A moment with its time zone, as it is in UTC, that every part of the system can count with."""
PRINTABLE: Final = AfterValidator(_printable)
ONE_SPACE: Final = AfterValidator(_one_space)
"""Words of a text are one space apart, whatever was typed between them."""


def query_as(model: type[Model], query_string: bytes) -> Model:
    """The query as what it must be; parameters that are unknown are ignored.

    Raises Problem 422 with everything that is wrong with it.
    """
    if len(query_string) > _QUERY_BYTES_MAX:
        raise invalid([{"at": "query", "problem": f"must not be longer than {_QUERY_BYTES_MAX} bytes"}])
    try:
        return model.model_validate(dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)))
    except ValidationError as error:
        raise invalid(
            [
                {"at": "/".join(str(part) for part in ("query", *each["loc"])), "problem": each["msg"]}
                for each in error.errors()
            ]
        ) from error


def query_of(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The parameters for the OpenAPI document. What may be left out has no null there: a query cannot say it."""
    schema = model.model_json_schema()
    parameters = []
    for name, described in schema["properties"].items():
        field = {key: value for key, value in described.items() if key != "title"}
        for part in field.pop("anyOf", ()):
            if part != {"type": "null"}:
                field |= part
        if field.get("default", ...) is None:
            del field["default"]
        description = field.pop("description", None)
        parameters.append(
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": field}
            | ({"description": description} if description else {})
        )
    return parameters
