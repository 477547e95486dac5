"""The session bank: people who are signed in already, as the seeder of the target wrote them."""

import hashlib
import json
import re
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from slotrush.errors import BadInputError

Role = Literal["patient", "doctor", "staff"]
GROUPS: Final[Mapping[Role, str]] = {"patient": "patients", "doctor": "doctors", "staff": "staff"}
"""By role, the name of its list in the file. A bank may have no staff."""


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in person; `specialty` is a doctor's own, or the one that a patient looks for, or empty.

    `email` and `password` are what they sign in with anew, where the bank says so.
    """

    id: str
    specialty: str
    token: str
    email: str = ""
    password: str = ""


class Bank:
    """The sessions of one file: its text, and where in it each entry begins. A worker keeps only those that it asks
    for; were all made objects at once, what is between its own would stay in its memory for good."""

    def __init__(self, path: Path, text: str, begins: Mapping[Role, "array[int]"]) -> None:
        self.path, self._text, self._begins = path, text, begins

    def count(self, role: Role) -> int:
        return len(self._begins[role])

    def person(self, role: Role, index: int) -> Session:
        entry, _ = _decode(self._text, self._begins[role][index])
        known = (str(entry.get(name, "")) for name in ("email", "password"))
        return Session(entry["id"], entry.get("specialty", ""), entry["token"], *map(sys.intern, known))

    def require(self, wanted: Mapping[Role, int]) -> None:
        """Raise BadInputError when the bank has fewer sessions than the swarm needs."""
        for role, needed in wanted.items():
            name, held = GROUPS[role], self.count(role)
            if needed > held:
                raise BadInputError(
                    f"{name} {needed}",
                    f"the session bank {self.path} has {held} {name}",
                    f"Ask for fewer {name}, or seed the target with more",
                )


def read_bank(path: Path) -> Bank:
    """Read a session bank. Raises BadInputError when it cannot be read or is something else."""
    mend = "Write it with `slotrush seed --sessions`, or with your own system's seeder"
    try:
        text = path.read_text()
        begins = _Entries(text).begins()
    except OSError as error:
        raise BadInputError(f"sessions {path}", f"it cannot be read ({error.strerror})", mend) from error
    except ValueError as error:
        raise BadInputError(f"sessions {path}", f"it is not JSON ({error})", mend) from error
    if begins is None or not begins.keys() >= {"patient", "doctor"}:
        problem = "it has no lists `patients` and `doctors` of {id, specialty, token}"
        raise BadInputError(f"sessions {path}", problem, mend)
    return Bank(path, text, {role: begins.get(role, array("q")) for role in GROUPS})


def digest_of(path: Path) -> str:
    """Tells the bank of this file from any other. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_decode: Final = json.JSONDecoder().raw_decode
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class _Entries:
    """Goes through a bank's text value by value."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def begins(self) -> dict[Role, "array[int]"] | None:
        """By role, where its entries begin; None when one is no session, or there is no object of lists.

        Raises ValueError when it is no JSON.
        """
        roles = {group: role for role, group in GROUPS.items()}
        found: dict[Role, array[int]] = {}
        if not self._steps_over("{"):
            self._value()
            return None
        while not self._steps_over("}"):
            role = roles.get(str(self._value()))
            self._must_step_over(":")
            if role is None:
                self._value()
            elif (begins := self._list(role)) is None:
                return None
            else:
                found[role] = begins
            self._steps_over(",")
        return found

    def _list(self, role: Role) -> "array[int] | None":
        begins = array("q")
        if not self._steps_over("["):
            return None
        while not self._steps_over("]"):
            begins.append(self._at)
            if not _is_session(self._value(), role):
                return None
            self._steps_over(",")
        return begins

    def _value(self) -> Any:
        self._steps_over("")
        value, self._at = _decode(self._text, self._at)
        return value

    def _steps_over(self, mark: str) -> bool:
        """Whether this comes next, and if so be behind it; white space in front of it is stepped over in any case."""
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches anything
        found = self._text.startswith(mark, self._at)
        self._at += found * len(mark)
        return found

    def _must_step_over(self, mark: str) -> None:
        if not self._steps_over(mark):
            raise json.JSONDecodeError(f"Expecting {mark!r}", self._text, self._at)


def _is_session(entry: object, role: Role) -> bool:
    fields = ("id", "token") if role == "staff" else ("id", "specialty", "token")
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in fields)
