"""The two versions: the working tree as it is, and a commit in a work tree of its own with the packages it needs."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError, StackError
from slotrush.stack.app import Code

LOCK: Final = "requirements.lock"
PACKAGE: Final = "target_app"
VENVS: Final = Path(".slotrush", "venvs")
"""Below the repository: environments for other lock files, kept, and named by these files' hashes."""
DIGITS: Final = 12
"""Of commits and hashes where they are names."""


@dataclass(frozen=True)
class Version:
    """`name` is what a reader calls it; `commit` the one it is, or began from."""

    name: str
    commit: str
    code: Code


def resolve(repository: Path, ref: str) -> str:
    """The commit that a reference names. Raises BadInputError when there is none, or no repository."""
    try:
        _git(repository, "rev-parse", "--git-dir")
    except StackError as error:
        raise BadInputError(
            f"--against {ref}", f"{repository} is no git repository", "Clone one, with its history"
        ) from error
    try:
        return _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    except StackError as error:
        mend = "Name a branch, a tag or a commit; a shallow clone lacks most: fetch it first"
        raise BadInputError(f"--against {ref}", "git knows no such commit", mend) from error


def working(repository: Path) -> Version:
    """The working tree, with whatever in it is not committed."""
    commit = _git(repository, "rev-parse", "HEAD").strip()
    changed = _git(repository, "status", "--porcelain", "--", PACKAGE, LOCK).strip()
    name = f"working tree ({commit[:DIGITS]}{' and changes' if changed else ''})"
    return Version(name, commit, Code(repository, sys.executable))


@contextmanager
def checked_out(repository: Path, ref: str, on_step: Callable[[str], None]) -> Iterator[Version]:
    """The version that `ref` names, in a temporary work tree. Raises BadInputError, also when it has no system."""
    commit = resolve(repository, ref)
    folder = Path(tempfile.mkdtemp(prefix="slotrush-version-"))
    tree = folder / "tree"
    try:
        _git(repository, "worktree", "add", "--detach", str(tree), commit)
        if not (tree / PACKAGE).is_dir():
            raise BadInputError(f"--against {ref}", f"that commit has no {PACKAGE}", "Name one that has")
        python = interpreter(tree / LOCK, repository, on_step)
        yield Version(f"{ref} ({commit[:DIGITS]})", commit, Code(tree, python))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _git(repository, "worktree", "prune")


def interpreter(lock: Path, repository: Path, on_step: Callable[[str], None]) -> str:
    """Ours where the lock file is the repository's, else that of an environment with what it asks for.

    Raises StackError when its packages cannot be installed.
    """
    if _content(lock) == _content(repository / LOCK):
        return sys.executable
    key = hashlib.sha256(f"{sys.version}{_content(lock)}".encode()).hexdigest()[:DIGITS]
    folder = repository / VENVS / key
    python = folder / "bin" / "python"
    if python.is_file():
        on_step(f"{LOCK} differs: that version runs with the packages in {folder}")
        return str(python)
    on_step(f"{LOCK} differs: installing that version's packages into {folder}")
    scratch = folder.with_name(f"{key}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(scratch)])
        pip = [str(scratch / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "--no-deps", "--no-input", "-r", str(lock)])
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return str(python)


def _content(lock: Path) -> str:
    return lock.read_text() if lock.is_file() else ""


def _git(repository: Path, *arguments: str) -> str:
    return _run(["git", "-C", str(repository), *arguments])


def _run(command: list[str]) -> str:
    try:
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BadInputError(command[0], "it is not installed", "Install it") from error
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip()[-500:]
        raise StackError(f"{' '.join(command[:6])} … ended with status {finished.returncode}: {said}")
    return finished.stdout
