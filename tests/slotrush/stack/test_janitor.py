import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slotrush.stack import janitor
from slotrush.stack.janitor import Database, Duty, Folder, Janitor, Keys
from slotrush.stack.process import Command, Process, Trace
from slotrush.stack.quota import Group

Spawn = Callable[[Command], Process]
WaitFor = Callable[[Callable[[], bool], str], None]


@pytest.mark.parametrize(
    "duty",
    [
        Trace(1, 2, 9),
        Folder("/tmp/é x"),
        Database("postgresql://a:b@c/d", "e"),
        Keys("redis://a", "b:"),
        Group("/a/b c"),
    ],
)
def test_a_duty_survives_the_way_to_the_janitor(duty: Duty) -> None:
    assert janitor.from_line(janitor.to_line(duty)) == duty


def test_half_a_line_of_a_dying_owner_is_left_out() -> None:
    whole = janitor.to_line(Folder("/tmp/x"))
    assert janitor._read([whole, whole[:-5]]) == [Folder("/tmp/x")]


def test_processes_end_before_the_folder_goes(tmp_path: Path, spawn: Spawn) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    writer = "import sys, pathlib\nwhile True: pathlib.Path(sys.argv[1], 'x').write_text('y')"
    part = spawn(Command("app", "writer", [sys.executable, "-c", writer, str(folder)]))
    assert janitor.clean_up([part.trace, Folder(str(folder))]) == []
    assert part.exit_status() == -signal.SIGKILL
    assert not folder.exists()


def test_one_problem_does_not_keep_the_rest_from_being_cleaned(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    problems = janitor.clean_up([Keys("redis://127.0.0.1:1/0", "x:"), Folder(str(folder))])
    assert len(problems) == 1
    assert "Keys not removed" in problems[0]
    assert not folder.exists()


def test_the_owner_cleans_up_itself_when_the_janitor_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    helper = Janitor(tmp_path / "janitor.log")
    helper.tell(Folder(str(folder)))
    helper._popen.kill()
    helper._popen.wait()
    helper.finish()
    assert not folder.exists()


def test_a_killed_owner_is_cleaned_up_after(tmp_path: Path, wait_for: WaitFor) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    owner = f"""
import os, signal
from pathlib import Path
from slotrush.stack.janitor import Folder, Janitor
Janitor(Path({str(tmp_path / "janitor.log")!r})).tell(Folder({str(folder)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", owner], check=False)
    wait_for(lambda: not folder.exists(), "the removal of the folder")
