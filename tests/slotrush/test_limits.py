import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from slotrush import limits
from slotrush.errors import BadInputError
from slotrush.limits import KIB, MIB, Limits, Load

ROOMY = Limits(
    open_files_soft=1_024,
    open_files_hard=1_048_576,
    port_first=1_024,
    port_last=65_535,
    memory_available_bytes=64 * 1024 * MIB,
    cgroup_memory_limit_bytes=None,
    cgroup_memory_left_bytes=None,
)
RACE = Load(patients=20_000, workers=2, proxies=2, replicas=2)


def _refusal(machine: Limits, load: Load) -> BadInputError:
    with pytest.raises(BadInputError) as caught:
        limits.check_load(machine, load)
    return caught.value


def test_a_race_of_20000_passes_where_20000_files_are_open_at_most() -> None:
    limits.check_load(replace(ROOMY, open_files_hard=20_000, port_first=32_768, port_last=60_999), RACE)


def test_only_the_hard_limit_of_open_files_counts_as_the_soft_one_is_raised() -> None:
    limits.check_load(replace(ROOMY, open_files_soft=256), RACE)


@pytest.mark.parametrize("patients", [0, -5])
def test_a_count_that_is_not_positive_is_refused(patients: int) -> None:
    assert str(_refusal(ROOMY, replace(RACE, patients=patients))).startswith(f"--patients: {patients} ")


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("open files", replace(ROOMY, open_files_hard=4_096)),
        ("memory", replace(ROOMY, memory_available_bytes=2_000 * MIB)),
        (
            "memory of the control group",
            replace(ROOMY, cgroup_memory_limit_bytes=1, cgroup_memory_left_bytes=1_500 * MIB),
        ),
    ],
)
def test_a_refusal_names_the_limit_and_a_number_of_patients_that_is_the_greatest_allowed(
    name: str, machine: Limits
) -> None:
    refusal = _refusal(machine, RACE)
    allowed = int(refusal.mend.rsplit(" ", 1)[1])

    assert refusal.thing == name
    assert str(RACE.patients) in refusal.problem
    limits.check_load(machine, replace(RACE, patients=allowed))
    assert _refusal(machine, replace(RACE, patients=allowed + 1)).thing == name


def test_the_open_files_that_a_refusal_asks_for_suffice() -> None:
    machine = replace(ROOMY, open_files_hard=4_096)
    needed = int(_refusal(machine, RACE).mend.split("ulimit -Hn ")[1].split(",")[0])

    limits.check_load(replace(machine, open_files_hard=needed), RACE)


def test_a_foreign_target_needs_no_files_for_proxies() -> None:
    machine = replace(ROOMY, open_files_hard=10_501)

    limits.check_load(machine, Load(patients=20_000, workers=2, proxies=0, replicas=0))
    assert _refusal(machine, replace(RACE)).thing == "open files"


def test_towards_one_address_of_another_machine_the_ports_of_this_one_are_the_limit() -> None:
    machine = replace(ROOMY, port_first=60_000, port_last=65_000)
    load = Load(patients=20_000, workers=2, proxies=0, replicas=0, one_address=True)

    refusal = _refusal(machine, load)
    allowed = int(refusal.mend.rsplit(" ", 1)[1])

    assert refusal.thing == "local ports"
    limits.check_load(machine, replace(load, patients=allowed))
    assert _refusal(machine, replace(load, patients=allowed + 1)).thing == "local ports"


def test_ports_are_no_limit_where_everybody_has_an_address_of_their_own() -> None:
    limits.check_load(replace(ROOMY, port_first=60_000, port_last=65_000), RACE)


@pytest.mark.parametrize("proxies", [0, 2], ids=["a foreign target", "an own stack"])
def test_the_processes_that_a_refusal_asks_for_suffice(proxies: int) -> None:
    machine = replace(ROOMY, open_files_hard=20_000)
    load = Load(patients=100_000, workers=2, proxies=proxies, replicas=proxies)
    found = re.search(r"--workers (\d+)(?: --proxies (\d+))?,", _refusal(machine, load).mend)
    assert found is not None
    workers, asked = found.groups()

    assert (asked is None) == (proxies == 0)
    limits.check_load(machine, replace(load, workers=int(workers), proxies=int(asked or 0)))


def test_unknown_memory_is_not_judged() -> None:
    limits.check_load(replace(ROOMY, memory_available_bytes=None), RACE)


def test_memory_for_no_patient_at_all_offers_no_number() -> None:
    assert "at most" not in _refusal(replace(ROOMY, memory_available_bytes=MIB), RACE).mend


def test_checking_this_machine_raises_the_soft_limit_for_children() -> None:
    script = (
        "import resource, subprocess, sys\n"
        "from slotrush import limits\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))\n"
        "limits.check(patients=1, workers=1, proxies=1, replicas=1)\n"
        "show = 'import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))'\n"
        "subprocess.run([sys.executable, '-c', show], check=True)\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    soft, hard = (int(limit) for limit in finished.stdout.split())
    unlimited = hard == resource.RLIM_INFINITY
    assert soft == (limits.OPEN_FILES_MAX if unlimited else min(hard, limits.OPEN_FILES_MAX))


def test_this_machine_can_be_read() -> None:
    machine = limits.read_limits()

    assert 0 < machine.open_files_soft <= machine.open_files_hard
    assert machine.ports > 0
    assert set(machine.as_meta()) == set(Limits.__dataclass_fields__)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_narrowest_group_of_version_2_counts_and_pages_that_can_be_dropped_are_left(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user/session\n",
            "cg/user/session/memory.max": "max\n",
            "cg/user/session/memory.current": "10\n",
            "cg/user/memory.max": f"{1_000 * MIB}\n",
            "cg/user/memory.current": f"{400 * MIB}\n",
            "cg/user/memory.stat": f"anon 7\ninactive_file {100 * MIB}\n",
        },
    )

    assert limits.read_cgroup_memory(tmp_path / "proc", tmp_path / "cg") == (1_000 * MIB, 700 * MIB)


def test_version_1_says_no_limit_with_a_huge_number(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/self/cgroup": "4:cpu,memory:/host/path/not/seen/here\n0::/\n",
            "cg/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "cg/memory/memory.usage_in_bytes": "5\n",
        },
    )
    assert limits.read_cgroup_memory(tmp_path / "proc", tmp_path / "cg") == (None, None)

    _write(tmp_path, {"cg/memory/memory.limit_in_bytes": f"{64 * MIB}\n"})
    assert limits.read_cgroup_memory(tmp_path / "proc", tmp_path / "cg") == (64 * MIB, 64 * MIB - 5)


def test_a_machine_without_these_files_gives_defaults(tmp_path: Path) -> None:
    machine = limits.read_limits(tmp_path, tmp_path)

    assert machine.ports == 28_232
    assert machine.memory_left_bytes is None


def test_memory_is_the_lesser_of_the_machines_and_the_groups(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "self/cgroup": "0::/\n",
            "meminfo": f"MemTotal: 9 kB\nMemAvailable: {4 * KIB} kB\n",
            "memory.max": f"{3 * MIB}\n",
            "memory.current": "0\n",
        },
    )
    assert limits.read_limits(tmp_path, tmp_path).memory_left_bytes == 3 * MIB
