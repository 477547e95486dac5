import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.scripts.small_tree import Tree

TIMEOUT_S = 120


def run(command: list[Path | str], env: Mapping[str, str], user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=env,
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def refusal(finished: subprocess.CompletedProcess[str]) -> str:
    """The one message of a set-up that gave up; lines of progress may stand before it."""
    assert finished.returncode == 2, finished.stderr
    assert finished.stdout == ""
    *progress, message = finished.stderr.splitlines()
    assert all(line.startswith("setup: ") for line in progress), finished.stderr
    return message


def installed(tree: Tree) -> str:
    """The version of the sample package that the tree's environment really imports."""
    return run([tree.python, "-c", "import rush_sample; print(rush_sample.version)"], os.environ).stdout.strip()


# Broken circumstances


def test_without_python_it_says_so(tree: Tree) -> None:
    message = refusal(run([tree.setup], tree.offline()))

    assert message.startswith("Python: none found as python3.13 python3.12 python3.11 python3.")
    assert "Install Python 3.11" in message


def test_a_python_that_is_too_old_is_named_with_its_version(tree: Tree) -> None:
    tree.add_program("python3", 'case "$2" in *print*) echo 3.9.2;; *) exit 1;; esac')

    message = refusal(run([tree.setup], tree.offline()))

    assert message.startswith("Python: python3 is 3.9.2, but slotrush needs 3.11 or later.")


def test_a_python_without_its_venv_module_is_named_with_the_mend(tree: Tree) -> None:
    tree.add_program("python3", f'case "$2" in *ensurepip*) exit 1;; esac; exec "{sys.executable}" "$@"')

    message = refusal(run([tree.setup], tree.offline()))

    assert "lacks its venv module" in message
    assert "apt install python3-venv" in message


def test_a_named_python_that_does_not_run_is_named(tree: Tree) -> None:
    message = refusal(run([tree.setup], tree.offline(PYTHON="/no/such/python")))

    assert message.startswith("PYTHON: /no/such/python is not a Python that runs.")


def test_an_unreachable_package_index_says_what_to_do(ready_tree: Tree) -> None:
    ready_tree.require("1.1")

    message = refusal(run([ready_tree.setup], ready_tree.offline()))

    assert message.startswith("network: the package index cannot be reached")
    assert "PIP_INDEX_URL" in message


def test_an_index_that_lacks_a_package_is_not_taken_for_network_trouble(ready_tree: Tree) -> None:
    ready_tree.require("1.2")
    for wheel in ready_tree.wheels.iterdir():
        wheel.unlink()

    message = refusal(run([ready_tree.setup], ready_tree.supplied()))

    assert message.startswith("packages: no distribution of rush-sample==1.2 was found for this machine (Linux")


def test_too_little_disk_space_is_found_before_anything_is_made(tree: Tree) -> None:
    tree.add_program("df", "echo Filesystem; echo /dev/x 9 9 1048576 9% /")

    message = refusal(run([tree.setup], tree.supplied()))

    assert message.startswith("disk: 1024 MiB are free in ")
    assert "needs 2048" in message
    assert not (tree.root / ".venv").exists()


def test_a_disk_that_fills_up_meanwhile_is_not_taken_for_network_trouble(tree: Tree) -> None:
    full = 'case "$*" in "-m venv"*) echo "OSError: [Errno 28] No space left on device"; exit 1;; esac'
    tree.add_program("python-on-full-disk", f'{full}\nexec "{sys.executable}" "$@"')

    message = refusal(run([tree.setup], tree.offline(PYTHON="python-on-full-disk")))

    assert message.startswith("disk: it became full")


def test_a_folder_that_cannot_be_written_is_named(tree: Tree) -> None:
    tree.root.chmod(0o555)
    nobody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None  # root may write everywhere

    message = refusal(run([tree.setup], tree.supplied(), user=nobody))

    assert message.startswith(f"folder: {tree.root} cannot be written.")


def test_a_package_that_differs_from_its_hash_is_not_installed(ready_tree: Tree) -> None:
    ready_tree.require("1.3")
    lock = ready_tree.root / "requirements.lock"
    lock.write_text(lock.read_text().split("sha256:")[0] + "sha256:" + "0" * 64 + "\n")

    message = refusal(run([ready_tree.setup], ready_tree.supplied()))

    assert message.startswith("packages: one differs from its hash")
    assert installed(ready_tree) != "1.3"


# The ordinary course


def test_the_environment_runs_the_tree_and_starts_at_once_the_second_time(ready_tree: Tree) -> None:
    (ready_tree.root / "slotrush").mkdir()
    (ready_tree.root / "slotrush" / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    ready_tree.require("2.0")
    run([ready_tree.setup], ready_tree.supplied())

    assert run([ready_tree.root / ".venv/bin/slotrush", "up", "a b"], os.environ).stdout == "['up', 'a b']\n"
    # Nothing is left to do, hence neither Python nor an index is looked for, and nothing is said.
    for script, command in (("race", "race"), ("bench-limits", "limits")):
        again = run([ready_tree.root / "scripts" / script, "--seed", "7"], ready_tree.offline())
        assert (again.stdout, again.stderr) == (f"['{command}', '--seed', '7']\n", "")


def test_the_checks_are_all_run_unless_arguments_ask_for_certain_tests(ready_tree: Tree) -> None:
    for tool in ("ruff", "mypy", "pytest"):
        (ready_tree.root / f"{tool}.py").write_text(f"import sys; print('{tool}', *sys.argv[1:], flush=True)")
    ready_tree.require("2.0")
    run([ready_tree.setup], ready_tree.supplied())

    everything = run([ready_tree.root / ".ci" / "run"], ready_tree.offline())
    chosen = run([ready_tree.root / "scripts" / "test", "tests/e2e", "-x"], ready_tree.offline())

    *style, one, other, alone, races = everything.stdout.splitlines()
    assert style == ["ruff check", "ruff format --check"]
    assert {one, other} == {"mypy", "pytest -n 4 --dist loadfile -m not alone and not long"}
    assert alone == "pytest -m alone and not long tests/e2e --ignore tests/e2e/test_race.py"
    assert races == "pytest -m alone and not long tests/e2e/test_race.py"
    assert chosen.stdout.splitlines() == ["pytest tests/e2e -x"]

    (ready_tree.root / "mypy.py").write_text("import sys; sys.exit(1)")
    assert run([ready_tree.root / "scripts" / "test"], ready_tree.offline()).returncode == 1, "though all tests pass"


STAGE = """
import sys
stage = "among others" if "--dist" in sys.argv else "alone" if "--ignore" in sys.argv else "races"
first = "--last-failed" not in sys.argv
print(stage, 1 if first else 2, flush=True)
sys.exit(1 if eval(open("fails").read()) else 0)
"""
TRIES = (
    ("stage == 'among others' and first", 0, ["among others 1", "among others 2", "alone 1", "races 1"]),
    ("stage == 'among others'", 1, ["among others 1", "among others 2"]),
    ("stage == 'alone' and first", 0, ["among others 1", "alone 1", "alone 2", "races 1"]),
    ("stage == 'races' and first", 1, ["among others 1", "alone 1", "races 1"]),
)
"""When pytest fails, what the script then exits with, and what it tried."""


def test_what_fails_is_tried_once_more_unless_it_is_a_race(ready_tree: Tree) -> None:
    for tool in ("ruff", "mypy"):
        (ready_tree.root / f"{tool}.py").write_text("")
    (ready_tree.root / "pytest.py").write_text(STAGE)
    ready_tree.require("2.0")
    run([ready_tree.setup], ready_tree.supplied())

    for fails, exit_code, stages in TRIES:
        (ready_tree.root / "fails").write_text(fails)
        finished = run([ready_tree.root / "scripts" / "test"], ready_tree.offline())

        assert finished.returncode == exit_code, (fails, finished.stderr)
        assert [line for line in finished.stdout.splitlines() if "Once more" not in line] == stages
        assert ("Once more" in finished.stdout) == any(stage.endswith("2") for stage in stages)


def test_a_changed_lock_file_brings_the_environment_up_to_date(ready_tree: Tree) -> None:
    ready_tree.require("2.1")

    finished = run([ready_tree.setup], ready_tree.supplied())

    assert finished.returncode == 0, finished.stderr
    assert "making" not in finished.stderr
    assert installed(ready_tree) == "2.1"


def test_a_copied_tree_gets_an_environment_of_its_own(ready_tree: Tree) -> None:
    copy = ready_tree.root.with_name("a copy")
    shutil.copytree(ready_tree.root, copy, symlinks=True)

    finished = run([copy / "scripts" / "setup"], ready_tree.supplied(PYTHON=ready_tree.add_quick_python()))

    assert finished.returncode == 0, finished.stderr
    show = "import site; print(open(site.getsitepackages()[0] + '/slotrush-tree.pth').read())"
    assert run([copy / ".venv/bin/python", "-c", show], os.environ).stdout.strip() == str(copy)


def test_of_two_at_once_one_waits_for_the_other(ready_tree: Tree) -> None:
    ready_tree.require("2.2")
    env = ready_tree.supplied()
    both = [subprocess.Popen([ready_tree.setup], env=env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=TIMEOUT_S)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert "".join(said).count("setup: ready") == 1
    assert installed(ready_tree) == "2.2"


def test_after_an_interruption_nothing_runs_on_and_the_next_start_mends_it(ready_tree: Tree) -> None:
    before = installed(ready_tree)
    ready_tree.require("3.0")
    with socket.create_server(("127.0.0.1", 0)) as silent_index:
        silent_index.settimeout(TIMEOUT_S)
        env = ready_tree.offline(PIP_INDEX_URL=f"http://127.0.0.1:{silent_index.getsockname()[1]}")
        process = subprocess.Popen([ready_tree.setup], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, _ = silent_index.accept()
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 128 + signal.SIGTERM
        connection.settimeout(TIMEOUT_S)
        while connection.recv(65_536):  # the connection ends when pip does
            pass
        connection.close()
    # What an interruption can leave: a package without its code, which pip takes for installed.
    ready_tree.require(before)
    next(ready_tree.root.glob(".venv/lib/*/site-packages/rush_sample.py")).unlink()

    finished = run([ready_tree.setup], ready_tree.supplied(PYTHON=ready_tree.add_quick_python()))

    assert finished.returncode == 0, finished.stderr
    assert installed(ready_tree) == before != ""
