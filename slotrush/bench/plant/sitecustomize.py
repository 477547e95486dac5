"""Python imports this by itself in processes that have its folder on PYTHONPATH: replicas burn CPU for each booking."""

import mmap
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

if "target_app.serve" in sys.orig_argv and "SLOTRUSH_PLANT" in os.environ:
    import uvicorn

    with Path(os.environ["SLOTRUSH_PLANT"]).open("rb") as _file:
        _shared = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _load = uvicorn.Config.load

    def _load_and_wrap(self: uvicorn.Config) -> None:
        _load(self)
        self.loaded_app = _slowed(self.loaded_app)

    def _slowed(app: Any) -> Any:
        async def serve(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/v1/appointments":
                _burn(struct.unpack_from("<Q", _shared)[0])
            await app(scope, receive, send)

        return serve

    def _burn(cpu_ns: int) -> None:
        """By the clock that process accounting reads, so it is exact, whatever else the machine does."""
        until_ns = time.thread_time_ns() + cpu_ns
        while time.thread_time_ns() < until_ns:
            pass

    uvicorn.Config.load = _load_and_wrap  # type: ignore[method-assign]
