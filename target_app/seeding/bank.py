"""The session bank: a JSON file with people who are signed in already."""

import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self
from uuid import UUID

import orjson

from target_app.identity.tokens import Role, Tokens

_GROUPS: Final[dict[Role, str]] = {"patient": "patients", "doctor": "doctors", "staff": "staff"}


class Member(NamedTuple):
    """`known`: what the bank says of the person besides id and token."""

    id: UUID
    known: dict[str, str]


class Bank:
    """Writes {"patients": […], "doctors": […], "staff": […]} as people are added, without holding them in memory.

    Sessions last `valid_s` seconds. The file is there, complete and for its owner's eyes only, once `keep` was called.
    """

    def __init__(self, path: Path, tokens: Tokens, valid_s: int) -> None:
        """Raises OSError when the file cannot be written."""
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        self._path, self._tokens, self._valid_s = path, tokens, valid_s
        self._scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        self._file = os.fdopen(os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._group: Role | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._scratch.unlink(missing_ok=True)

    def add(self, role: Role, members: Iterable[Member]) -> None:
        """Those of one role may be added in several parts, one after the other."""
        comma = b","
        if role != self._group:
            self._file.write((b"]," if self._group else b"{") + orjson.dumps(_GROUPS[role]) + b":[")
            self._group, comma = role, b""
        for member in members:
            session = {"id": str(member.id), **member.known}
            session["token"] = self._tokens.issue(member.id, role, self._valid_s)
            self._file.write(comma + orjson.dumps(session))
            comma = b","

    def keep(self) -> None:
        self._file.write(b"]}")
        self._file.close()
        self._scratch.replace(self._path)
