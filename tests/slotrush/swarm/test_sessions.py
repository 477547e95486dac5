"""The session bank."""

from pathlib import Path

import orjson
import pytest

from slotrush.errors import BadInputError
from slotrush.swarm.sessions import Session, read_bank

PERSON = {"id": "i", "specialty": "cardiology", "token": "t", "more": "is ignored"}
RECEPTIONIST = {"id": "r", "clinic_id": "c", "token": "t"}


def test_a_bank_gives_its_sessions_by_role_and_index(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    patients = [PERSON, PERSON | {"id": "j", "email": "j@mail.test", "password": "secret"}]
    path.write_bytes(orjson.dumps({"patients": patients, "doctors": [PERSON], "staff": [RECEPTIONIST]}))

    bank = read_bank(path)

    assert [bank.count(role) for role in ("patient", "doctor", "staff")] == [2, 1, 1]
    assert bank.person("patient", 0) == Session("i", "cardiology", "t")
    assert bank.person("patient", 1) == Session("j", "cardiology", "t", "j@mail.test", "secret")
    assert bank.person("staff", 0) == Session("r", "", "t")


def test_a_bank_need_not_have_staff(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_bytes(orjson.dumps({"patients": [PERSON], "doctors": [PERSON]}))

    assert read_bank(path).count("staff") == 0


def test_a_bank_says_of_whom_it_has_too_few(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_bytes(orjson.dumps({"patients": [PERSON, PERSON], "doctors": [PERSON]}))
    bank = read_bank(path)

    bank.require({"patient": 2, "doctor": 1, "staff": 0})
    with pytest.raises(BadInputError, match="has 2 patients"):
        bank.require({"patient": 3})
    with pytest.raises(BadInputError, match="has 0 staff"):
        bank.require({"patient": 1, "staff": 1})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"{", "not JSON", id="half"),
        pytest.param(b"[]", "no lists", id="list"),
        pytest.param(b'{"patients": [], "doctors": [{"id": "x"}]}', "no lists", id="no token"),
        pytest.param(b'{"patients": [], "doctors": [], "staff": [{"id": "x"}]}', "no lists", id="staff without token"),
        pytest.param(b'{"patients": {}, "doctors": []}', "no lists", id="mapping"),
        pytest.param(None, "cannot be read", id="nothing"),
    ],
)
def test_what_is_no_bank_is_bad_input(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "bank.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match=problem):
        read_bank(path)


def test_a_bank_may_be_written_by_hand_and_say_more_than_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    text = orjson.dumps(
        {"made": {"by": ["hand", "}"]}, "doctors": [], "patients": [PERSON | {"more": [{"a": "]"}]}] * 2}
    )
    path.write_bytes(text.replace(b",", b" ,\r\n\t").replace(b":", b" : ").replace(b"[", b"[ "))

    bank = read_bank(path)

    assert [bank.count("patient"), bank.count("doctor")] == [2, 0]
    assert bank.person("patient", 1) == Session("i", "cardiology", "t")
