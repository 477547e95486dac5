"""The session bank."""

from pathlib import Path

import orjson
import pytest

from slotrush.errors import BadInputError
from slotrush.swarm.sessions import Session, read_bank

PERSON = {"id": "i", "specialty": "cardiology", "token": "t", "more": "is ignored"}


def test_a_bank_gives_its_sessions_by_index(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_bytes(orjson.dumps({"patients": [PERSON, PERSON | {"id": "j"}], "doctors": [PERSON]}))

    bank = read_bank(path)

    assert (bank.patient_count, bank.doctor_count) == (2, 1)
    assert bank.patient(1) == Session("j", "cardiology", "t")
    bank.require(2, 1)
    with pytest.raises(BadInputError, match="has 2 patients"):
        bank.require(3, 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "no lists"),
        (b'{"patients": [], "doctors": [{"id": "x"}]}', "no lists"),
        (b'{"patients": {}, "doctors": []}', "no lists"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_bank_is_bad_input(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "bank.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match=problem):
        read_bank(path)
