"""Small copies of the tree, whose lock file names one package, so that no test needs a network."""

import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import own_pip

ROOT = Path(__file__).parents[2]
TOOLS = (
    "bash",
    "basename",
    "cat",
    "chmod",
    "cut",
    "df",
    "dirname",
    "env",
    "find",
    "flock",
    "grep",
    "mkdir",
    "mv",
    "nice",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "tail",
    "uname",
)


@dataclass(frozen=True)
class Tree:
    """`root` has a space in its name, and any user may enter it; `wheels` and `tools` lie beside it."""

    root: Path
    wheels: Path
    tools: Path

    @property
    def setup(self) -> Path:
        return self.root / "scripts" / "setup"

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    def add_program(self, name: str, body: str) -> None:
        """Put a shell script on the PATH of `offline`, in the place of what is there."""
        path = self.tools / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{body}\n")
        path.chmod(0o755)

    def add_quick_python(self) -> str:
        """The name of ours, but for its environments, which get a copy of our own pip."""
        pip = " ".join(f"'{folder}'" for folder in own_pip.FOLDERS)
        copy = f'{shutil.which("cp")} -r {pip} "$3"/lib/python*/site-packages'
        make = f'"{sys.executable}" -m venv --without-pip "$3" && {copy}'
        self.add_program("quick-python", f'case "$1 $2" in "-m venv") {make};; *) exec "{sys.executable}" "$@";; esac')
        return "quick-python"

    def require(self, version: str) -> None:
        """Make a wheel of the package, and let the lock file name it."""
        wheel = self.wheels / f"rush_sample-{version}-py3-none-any.whl"
        info = f"rush_sample-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("rush_sample.py", f"version = {version!r}\n")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: rush-sample\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(
                f"{info}/RECORD", f"rush_sample.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
            )
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.root / "requirements.lock").write_text(f"rush-sample=={version} \\\n    --hash=sha256:{digest}\n")

    def offline(self, **more: str) -> dict[str, str]:
        """An environment with the ordinary tools but no Python, from which no package can be reached."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "0"}
        return kept | pip | {"PATH": str(self.tools), "PIP_NO_CACHE_DIR": "1"} | more

    def supplied(self, **more: str) -> dict[str, str]:
        """An environment in which everything that is needed can be had."""
        return self.offline(PYTHON=sys.executable, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(self.wheels)) | more


@contextmanager
def small_tree() -> Iterator[Tree]:
    parent = Path(tempfile.mkdtemp(prefix="slotrush-test-setup-"))
    try:
        parent.chmod(0o755)
        made = Tree(parent / "a tree", parent / "wheels", parent / "tools")
        for folder in ("scripts", ".ci"):
            shutil.copytree(ROOT / folder, made.root / folder)
        made.wheels.mkdir()
        made.tools.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None, f"{tool} is not on the PATH"
            (made.tools / tool).symlink_to(found)
        made.require("1.0")
        yield made
    finally:
        shutil.rmtree(parent)
