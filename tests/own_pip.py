"""The pip that the tests themselves run with, for environments that get a copy of it: venv takes 5 s to install one."""

import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

_CODE: Final = Path(str(distribution("pip").locate_file("pip")))
FOLDERS: Final = (_CODE, *_CODE.parent.glob("pip-*.dist-info"))


def copy_into(environment: Path) -> None:
    (packages,) = environment.glob("lib/python*/site-packages")
    for folder in FOLDERS:
        shutil.copytree(folder, packages / folder.name)
