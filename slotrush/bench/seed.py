"""How long it takes to fill a booking system, by default with what `slotrush seed` makes."""

import argparse
import tempfile
import time
from pathlib import Path

from slotrush.seed import SeedOptions, run
from slotrush.stack import Stack, StackOptions

_DEFAULTS = SeedOptions()


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench-seed", description=__doc__)
    for name in ("doctors", "patients", "slots"):
        parser.add_argument(f"--{name}", type=int, default=getattr(_DEFAULTS, name))
    sizes = vars(parser.parse_args())
    with (
        tempfile.TemporaryDirectory(prefix="slotrush-bench-") as folder,
        Stack(StackOptions(Path(folder), replicas=1, proxies=1)) as stack,
    ):
        urls = stack.start(lambda step: print(f"  {step}"))
        began_s = time.monotonic()
        run(SeedOptions(**sizes, sessions=Path(folder) / "sessions.json"), urls.environment(), print)
        took_s = time.monotonic() - began_s
    # a person is a row of accounts and one of their own table
    rows = 2 * (sizes["doctors"] + sizes["patients"]) + sizes["slots"]
    print(f"{took_s:.1f} s, {rows / took_s:,.0f} rows/s, {sizes['patients'] / took_s:,.0f} signed-in patients/s")


if __name__ == "__main__":
    main()
