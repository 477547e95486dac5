"""The app framework's "hello": one FastAPI endpoint in one uvicorn process, on a free loopback port.

`python -m slotrush.floor.hello LIFETIME_S` prints its port and serves until it is terminated, or for so long.
"""

import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

PATH = "/"
app = FastAPI()


@app.get(PATH)
async def hello() -> dict[str, str]:
    return {"hello": "world"}


def main() -> None:
    signal.alarm(int(sys.argv[1]))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
