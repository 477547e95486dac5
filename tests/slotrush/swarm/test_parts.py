"""How a worker's part of the record comes to the master."""

import os
from pathlib import Path
from typing import Any

import pytest

from slotrush.errors import StackError
from slotrush.swarm.parts import CHUNK_BYTES, MARK, Inbox, chunks, place
from tests.attacks import Attacks

MESSAGE: dict[str, Any] = {"name": "worker0.sqlite", "packed": b"", "last": False}


def test_a_worker_that_sees_the_masters_disk_writes_there(tmp_path: Path) -> None:
    (tmp_path / MARK).write_text("this swarm")

    assert place(tmp_path, "this swarm", "worker0") == (tmp_path / "worker0.sqlite", False)


@pytest.mark.parametrize("content", [None, "another swarm"])
def test_a_worker_elsewhere_writes_to_a_folder_of_its_own_and_sends_it(tmp_path: Path, content: str | None) -> None:
    """The same path may be there on its machine, with something else in it."""
    if content is not None:
        (tmp_path / MARK).write_text(content)

    path, must_be_sent = place(tmp_path, "this swarm", "worker0")

    assert path is not None
    assert (path.name, must_be_sent) == ("worker0.sqlite", True)
    assert path.parent.is_dir()
    assert tmp_path not in path.parents
    path.parent.rmdir()


def test_without_a_record_there_is_no_part() -> None:
    assert place(None, "this swarm", "worker0") == (None, False)


@pytest.mark.parametrize("size_bytes", [0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7])
def test_a_part_arrives_as_it_was_sent(tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "worker0.sqlite").write_bytes(content)
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    inbox = Inbox(arrived)

    for chunk in chunks(tmp_path / "worker0.sqlite"):
        assert not (arrived / "worker0.sqlite").exists()
        assert len(chunk["packed"]) < 2 * CHUNK_BYTES
        inbox.receive(chunk)

    assert (arrived / "worker0.sqlite").read_bytes() == content
    assert [path.name for path in arrived.iterdir()] == ["worker0.sqlite"]


def test_parts_that_come_at_the_same_time_are_kept_apart(tmp_path: Path) -> None:
    sent = {name: os.urandom(2 * CHUNK_BYTES) for name in ("worker0.sqlite", "worker1.sqlite")}
    for name, content in sent.items():
        (tmp_path / name).write_bytes(content)
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    inbox = Inbox(arrived)

    for pair in zip(chunks(tmp_path / "worker0.sqlite"), chunks(tmp_path / "worker1.sqlite"), strict=True):
        for chunk in pair:
            inbox.receive(chunk)

    assert {name: (arrived / name).read_bytes() for name in sent} == sent


@pytest.mark.parametrize("name", ["../worker0.sqlite", "/etc/worker0.sqlite", "a/b.sqlite", "worker0.sh", "..", ""])
def test_a_part_of_a_foreign_name_is_refused(tmp_path: Path, name: str, attack: Attacks) -> None:
    with pytest.raises(StackError):
        Inbox(tmp_path).receive(MESSAGE | {"name": name})
    attack("records of the run under foreign names").tried("refused")
    assert list(tmp_path.iterdir()) == []
