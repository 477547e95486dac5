"""Containers without a container: the image's files in a folder that cannot be written, no powers, the image's packages
alone, and a pod's command as the manifest has it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.k8s.rendering import ROOT, Manifest, containers

SOMEBODY = 10001
_ONLY_THE_IMAGES_PACKAGES = """
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

allowed = set(Path({names!r}).read_text().split())
def plain(name): return name.lower().replace("_", "-").replace(".", "-")
refused = {{
    top for top, owners in packages_distributions().items()
    if not any(plain(owner) in allowed for owner in owners) and not top.startswith("_")
}}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)
sys.meta_path.insert(0, Refuse())
"""


def powerless() -> list[str]:
    """What makes root an ordinary user, who may not write where the file system says so."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        return []
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


@dataclass(frozen=True)
class Image:
    """`app` is /opt/app; `writable` holds what a pod's volumes would. `paths`: where those are, by mount path."""

    app: Path
    writable: Path
    hook: Path

    def volume(self, path: str) -> Path:
        """What is mounted at the `path` of a container."""
        place = self.writable / path.strip("/").replace("/", "-")
        place.mkdir(exist_ok=True)
        return place

    def private_volume(self, path: str) -> Path:
        """One that only a process with `powers` can use, as if it were on another host than the others."""
        place = self.volume(path)
        if os.geteuid() == 0:
            os.chown(place, SOMEBODY, SOMEBODY)
            place.chmod(0o700)
        return place

    def command(self, container: Manifest, variables: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
        """As written, with $(VARIABLES) filled in, the mounts' places, and what `here` puts in a text's place."""
        words = [re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], word) for word in container["command"]]
        mounts = sorted((one["mountPath"] for one in container.get("volumeMounts", [])), key=len, reverse=True)
        if mounts:
            place = re.compile(f"(^|=)({'|'.join(map(re.escape, mounts))})(?=/|$)")
            words = [place.sub(lambda found: found[1] + str(self.volume(found[2])), word) for word in words]
        for old, new in here.items():
            words = [word.replace(old, new) for word in words]
        return [sys.executable if words[0] == "python" else words[0], *words[1:]]

    @contextmanager
    def running(
        self, command: list[str], environment: Mapping[str, str], log: str = "log", powers: bool = False
    ) -> Iterator["subprocess.Popen[str]"]:
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.volume("/tmp")),
            "TMPDIR": str(self.volume("/tmp")),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(self.hook),
            **environment,
        }
        words = command if powers else [*powerless(), *command]
        with (self.writable / f"{log}.txt").open("w") as output:
            process = subprocess.Popen(
                words, cwd=self.app, env=given, stdout=output, stderr=subprocess.STDOUT, text=True
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.wait(30)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()

    def said(self, log: str = "log") -> str:
        return (self.writable / f"{log}.txt").read_text()


@contextmanager
def image(requirements: Path, *packages: str) -> Iterator[Image]:
    """What a Dockerfile puts together: some packages of the repository, and the distributions that it installs."""
    home = Path(tempfile.mkdtemp(prefix="slotrush-image-"))
    try:
        app, writable, hook = home / "opt" / "app", home / "writable", home / "hook"
        for folder in (app, writable, hook):
            folder.mkdir(parents=True)
        for package in packages:
            # With what was compiled already, but for what somebody just compiles.
            shutil.copytree(ROOT / package, app / package, ignore=shutil.ignore_patterns("*.pyc.*"))
        names = re.findall(r"^([A-Za-z0-9._-]+)==", requirements.read_text(), re.MULTILINE)
        (hook / "names.txt").write_text("\n".join(name.lower().replace("_", "-").replace(".", "-") for name in names))
        (hook / "sitecustomize.py").write_text(_ONLY_THE_IMAGES_PACKAGES.format(names=str(hook / "names.txt")))
        for path in (app, *app.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        yield Image(app, writable, hook)
    finally:
        for path in (app, *app.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(home)


def container_of(workload: Manifest, name: str) -> Manifest:
    for one in containers(workload):
        if one["name"] == name:
            return one
    pytest.fail(f"{workload['metadata']['name']} has no container {name}")
