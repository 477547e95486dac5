"""CPU quotas: how they are written, where their groups can be made, and that the kernel keeps them."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.stack import janitor, quota
from slotrush.stack.process import Command, Process
from slotrush.stack.quota import Group, Parent, Throttling
from slotrush.stack.replicas import check_quota

Spawn = Callable[[Command], Process]
WaitFor = Callable[[Callable[[], bool], str], None]

SPINNER = "while True: pass"


@pytest.mark.parametrize(
    ("text", "cpu_m"),
    [("150m", 150), ("0.5", 500), ("2", 2000), (".1", 100), ("1.", 1000), ("10m", 10), ("0.0101", 11), ("99.1m", 100)],
)
def test_cpu_is_written_as_in_a_pods_spec(text: str, cpu_m: int) -> None:
    assert quota.parse_cpu_m(text) == cpu_m


@pytest.mark.parametrize("text", ["", "m", "150 m", "150M", "-1", "0", "9m", "0.009", "1e3x", "half"])
def test_what_is_no_amount_of_cpu_is_bad_input(text: str) -> None:
    with pytest.raises(BadInputError, match="--cpu"):
        quota.parse_cpu_m(text)


class Hierarchy:
    """Control groups as they look to us, made of plain folders and files."""

    def __init__(self, folder: Path, mounted: str, own: str) -> None:
        self.root = folder / "cgroup"
        self.mounts, self.own = folder / "mountinfo", folder / "own"
        self.mounts.write_text(
            f"30 24 0:26 / /proc rw - proc proc rw\n33 24 0:27 / {self.root} rw shared:9 - {mounted}\n"
        )
        self.own.write_text(own)

    def group(self, path: str, **files: str) -> Path:
        made = self.root / path
        made.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (made / name.replace("__", ".")).write_text(content)
        return made

    def parent(self, **environment: str) -> Parent:
        return quota.find_parent(self.mounts, self.own, environment)


@pytest.fixture
def plain_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a real group go with it; those of a plain folder must be removed first."""
    monkeypatch.setattr(quota, "remove", lambda group: shutil.rmtree(group.path))


@pytest.mark.usefixtures("plain_folders")
def test_groups_of_version_1_go_into_our_own(tmp_path: Path) -> None:
    there = Hierarchy(tmp_path, "cgroup cgroup rw,cpu,cpuacct", "4:cpu,cpuacct:/user\n0::/elsewhere\n")
    own = there.group("user")
    assert there.parent() == Parent(1, own)


@pytest.mark.usefixtures("plain_folders")
def test_groups_of_version_2_go_into_the_nearest_that_hands_out_its_cpu(tmp_path: Path) -> None:
    there = Hierarchy(tmp_path, "cgroup2 cgroup2 rw,nsdelegate", "0::/slice/scope\n")
    slice_ = there.group("slice", cgroup__subtree_control="cpu memory\n")
    there.group("slice/scope")  # of which the kernel would say that it has processes in it: it has no such file here
    assert there.parent() == Parent(2, slice_)


@pytest.mark.usefixtures("plain_folders")
def test_a_group_may_be_named(tmp_path: Path) -> None:
    there = Hierarchy(tmp_path, "cgroup cgroup rw,cpu", "4:cpu:/\n")
    named = there.group("given/to/us")
    assert there.parent(SLOTRUSH_CGROUP=str(named)) == Parent(1, named)


def test_without_control_groups_for_cpu_the_message_says_so(tmp_path: Path) -> None:
    there = Hierarchy(tmp_path, "cgroup cgroup rw,memory", "4:memory:/\n")
    with pytest.raises(BadInputError, match="no control groups for CPU are mounted") as caught:
        there.parent()
    assert "SLOTRUSH_CGROUP" in caught.value.mend


def test_where_no_group_can_be_made_the_message_says_why(tmp_path: Path) -> None:
    there = Hierarchy(tmp_path, "cgroup cgroup rw,cpu", "4:cpu:/user\n")
    with pytest.raises(BadInputError, match=r"no group can be made in .*/cgroup/user .no such file or directory"):
        there.parent()


def test_a_quota_of_version_2_is_one_line(tmp_path: Path) -> None:
    parent = Parent(2, tmp_path)
    group = quota.name_group(parent, "one")
    quota.make(parent, group, 150)
    assert (tmp_path / "one" / "cpu.max").read_text() == "15000 100000"


@pytest.mark.parametrize("stopped", ["throttled_time 5000000", "throttled_usec 5000"])
def test_both_versions_tell_how_long_processes_were_stopped(tmp_path: Path, stopped: str) -> None:
    (tmp_path / "cpu.stat").write_text(f"nr_periods 20\nnr_throttled 7\n{stopped}\n")
    assert quota.throttling(Group(str(tmp_path))) == Throttling(20, 7, 5000)
    assert quota.throttling(Group(str(tmp_path / "gone"))) == Throttling()


def test_more_cpu_than_there_is_cannot_be_promised() -> None:
    cores = len(os.sched_getaffinity(0))
    with pytest.raises(BadInputError, match=f"{cores + 1} replicas would have"):
        check_quota(1000, cores + 1)
    assert check_quota(None, 1000) is None


@pytest.fixture
def parent() -> Parent:
    """Where the real groups of these tests go."""
    try:
        return quota.find_parent()
    except BadInputError as error:
        pytest.skip(str(error))


@pytest.fixture
def group(parent: Parent, tmp_path: Path) -> Iterator[Group]:
    made = quota.name_group(parent, f"slotrush-{tmp_path.name}-{os.getpid()}")
    quota.make(parent, made, 50)
    yield made
    quota.remove(made)


def test_the_kernel_keeps_the_quota_from_the_first_instruction_on(
    group: Group, spawn: Spawn, wait_for: WaitFor
) -> None:
    part = spawn(Command("app", "spinner", [sys.executable, "-c", SPINNER], group=group))
    wait_for(lambda: quota.throttling(group).throttled >= 5, "the quota to be used up in some periods")
    assert str(part.pid) in group.processes.read_text().split()
    seen = quota.throttling(group)
    assert seen.periods >= seen.throttled
    assert seen.throttled_us > 0
    part.kill()


def test_the_janitor_ends_the_processes_and_removes_the_group(group: Group, spawn: Spawn, wait_for: WaitFor) -> None:
    part = spawn(Command("app", "spinner", [sys.executable, "-c", SPINNER], group=group))
    wait_for(lambda: str(part.pid) in group.processes.read_text().split(), "the process to be in its group")
    assert janitor.clean_up([group, part.trace]) == []
    assert not Path(group.path).exists()
    quota.remove(group)  # which is fine with one that is gone


def test_a_part_whose_group_is_not_there_says_so(tmp_path: Path, spawn: Spawn, wait_for: WaitFor) -> None:
    part = spawn(Command("app", "lost", [sys.executable, "-c", SPINNER], group=Group(str(tmp_path / "none"))))
    wait_for(lambda: part.exit_status() is not None, "its end")
    assert "none/cgroup.procs" in part.post_mortem()
