from typing import Any

import orjson
import pytest

from target_app import cursor
from target_app.problems import Problem


def ours(parts: list[Any]) -> str:
    match parts:
        case [str(name)]:
            return name
    raise ValueError(parts)


@pytest.mark.parametrize("name", ["", "a", "José", "Ж" * 100, "=", "a/b+c?&"])
def test_what_was_written_is_read_again_and_fits_into_a_query(name: str) -> None:
    written = cursor.write(name)
    assert cursor.read(written, ours) == name
    assert written.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text", ["x", "!", "é", "bm90IG9uZQ", cursor.write(1), cursor.write("a", "b"), cursor.write("a") + "!"]
)
def test_anything_else_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        cursor.read(text, ours)
    assert refusal.value.status == 422
    assert orjson.loads(refusal.value.body())["errors"][0]["at"] == "query/after"
