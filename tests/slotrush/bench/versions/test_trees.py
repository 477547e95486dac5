"""The versions: a commit becomes a tree of its own, with its own packages when it asks for others."""

import subprocess
import sys
from pathlib import Path

import pytest

from slotrush.bench.versions import trees
from slotrush.bench.versions.trees import LOCK, PACKAGE, checked_out, interpreter, resolve, working
from slotrush.errors import BadInputError, StackError
from tests import own_pip


def git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@clinic.example")
    command = ["git", "-C", str(repository), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits: the first says old, the second new."""
    folder = tmp_path / "repository"
    (folder / PACKAGE).mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / LOCK).write_text("# nothing\n")
    for text in ("old", "new"):
        (folder / PACKAGE / "text").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", text)
    return folder


def test_a_commit_is_there_while_it_is_needed_and_nothing_stays(repository: Path) -> None:
    with checked_out(repository, "HEAD~1", print) as version:
        assert (version.code.tree / PACKAGE / "text").read_text() == "old"
        assert version.code.python == sys.executable
        assert version.name.startswith("HEAD~1 (")

    assert not version.code.tree.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / PACKAGE / "text").read_text() == "new"


def test_the_working_tree_says_whether_it_has_changes(repository: Path) -> None:
    assert "changes" not in working(repository).name
    (repository / PACKAGE / "text").write_text("newer")
    assert "and changes" in working(repository).name


@pytest.mark.parametrize("ref", ["nowhere", "--help", "HEAD:target_app"])
def test_what_names_no_commit_is_bad_input(repository: Path, ref: str) -> None:
    with pytest.raises(BadInputError, match="git knows no such commit"):
        resolve(repository, ref)


def test_no_repository_and_no_system_are_bad_input(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no git repository"):
        resolve(tmp_path, "HEAD")
    git(repository, "rm", "--quiet", "-r", PACKAGE)
    git(repository, "commit", "--quiet", "--message", "gone")
    with pytest.raises(BadInputError, match="has no target_app"), checked_out(repository, "HEAD", print):
        pass


@pytest.mark.long
def test_another_lock_file_gets_an_environment_of_its_own_and_keeps_it(repository: Path) -> None:
    (repository / LOCK).write_text("# something else\n")
    steps: list[str] = []
    with checked_out(repository, "HEAD", steps.append) as version:
        python = Path(version.code.python)
        assert python.is_relative_to(repository / ".slotrush")
        asked = [str(python), "-c", "import sys; print(sys.prefix)"]
        printed = subprocess.run(asked, capture_output=True, text=True, check=True)
        assert printed.stdout.strip() != sys.prefix
        again = interpreter(version.code.tree / LOCK, repository, steps.append)

    assert again == str(python)
    assert [LOCK in step for step in steps] == [True, True]


@pytest.fixture
def quick_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """They get a copy of our own pip, which venv takes seconds to install."""
    run = trees._run

    def quick(command: list[str]) -> str:
        if command[1:3] != ["-m", "venv"]:
            return run(command)
        said = run([*command, "--without-pip"])
        own_pip.copy_into(Path(command[-1]))
        return said

    monkeypatch.setattr(trees, "_run", quick)


@pytest.mark.usefixtures("quick_environments")
def test_packages_that_cannot_be_installed_leave_nothing(repository: Path, tmp_path: Path) -> None:
    lock = tmp_path / LOCK
    lock.write_text("nothing-of-this-name @ file:///nowhere.whl\n")
    with pytest.raises(StackError, match=r"(?s)ended with status.*nowhere"):
        interpreter(lock, repository, print)
    assert not list((repository / ".slotrush" / "venvs").iterdir())
