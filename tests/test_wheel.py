"""What the wheel has beside the packages: all that they look for in the folder that holds them."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOOKED_FOR = re.compile(r'REPOSITORY((?: / "[^"]+")+)')
MANIFESTS = {Path("k8s/base/app.yaml"), Path("k8s/base/hpa.yaml")}


def wheel() -> Mapping[str, Any]:
    found: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    built: Mapping[str, Any] = found["wheel"]
    return built


def looked_for() -> set[Path]:
    """Not by slotrush.bench: scripts/ start its measurements, in the source tree."""
    sources = [path for path in (ROOT / "slotrush").rglob("*.py") if "bench" not in path.relative_to(ROOT).parts]
    found = [steps for source in sources for steps in LOOKED_FOR.findall(source.read_text())]
    return {Path(*re.findall(r'"([^"]+)"', steps)) for steps in found}


def missing(packages: list[str], included: Mapping[str, str]) -> set[Path]:
    there = [Path(one) for one in (*packages, *included.values())]
    return {
        path for path in looked_for() if not any(path.is_relative_to(one) or one.is_relative_to(path) for one in there)
    }


def test_what_the_packages_look_for_is_in_the_wheel() -> None:
    built = wheel()
    assert looked_for() >= MANIFESTS
    assert missing(built["packages"], built["force-include"]) == set()
    assert all((ROOT / source).is_file() for source in built["force-include"])


def test_what_is_not_in_the_wheel_is_named() -> None:
    assert missing(wheel()["packages"], {}) >= MANIFESTS
