"""What machine a run ran on, for its record."""

import os
import platform
import resource
import subprocess
from pathlib import Path
from typing import Any

from slotrush import REPOSITORY


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, Any]:
    """Cores, memory in bytes, version of control groups (0 without), names of the rest."""
    return {
        "cores": cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "cgroup": cgroup_version(Path("/sys/fs/cgroup")),
        "cpu_model": cpu_model(Path("/proc/cpuinfo")),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def cgroup_version(root: Path) -> str:
    if (root / "cgroup.controllers").exists():
        return "v2"
    return "v1" if root.is_dir() and any(root.iterdir()) else "none"


def cpu_model(cpuinfo: Path) -> str | None:
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def commit() -> str | None:
    """The commit of this checkout, with '+' when files differ from it; None where slotrush was installed."""
    try:
        if Path(_git("rev-parse", "--show-toplevel")) != REPOSITORY.resolve():
            return None  # of whatever checkout its virtual environment lies in
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
