"""`python -m slotrush.swarm.fetch URL FILE`: fetches a file of another host, waiting for it to be there.

A worker's pod gets the session bank thus from the pod of the race, which makes it when it starts.
"""

import shutil
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final
from urllib.error import URLError

LIMIT_S: Final = 600.0
"""Seeding 100,000 patients takes a minute; scheduling and fetching images comes on top."""
RETRY_S: Final = 1.0
_TIMEOUT_S: Final = 30.0


def fetch(url: str, file: Path, limit_s: float = LIMIT_S) -> None:
    """Whole or not at all. Raises TimeoutError when it is not there within `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    coming = file.with_name(f".{file.name}.coming")
    while True:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, coming.open("wb") as copy:
                shutil.copyfileobj(answer, copy)
                expected = int(answer.headers.get("Content-Length", copy.tell()))
                if copy.tell() != expected:
                    raise ConnectionError(f"{copy.tell()} of {expected} bytes came")
            coming.replace(file)
            return
        except (URLError, OSError) as error:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{url}: not there after {limit_s:.0f} s ({error})") from error
            time.sleep(RETRY_S)


def main(given: list[str]) -> int:
    if len(given) != 2:
        print("usage: python -m slotrush.swarm.fetch URL FILE", file=sys.stderr)
        return 2
    try:
        fetch(given[0], Path(given[1]))
    except TimeoutError as error:
        print(f"{error}. Look at the pod that should serve it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
