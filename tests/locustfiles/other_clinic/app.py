"""A small clinic whose API has nothing in common with the booking system that comes with slotrush.

    python tests/locustfiles/other_clinic/app.py --port 8090 --patients 300 --doctors 5 --sessions people.json

Practitioners have openings, which patients reserve. Everything is in memory, and gone when it stops.
"""

import argparse
import json
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FEE = "150.00"


@dataclass
class Clinic:
    """`people`: by token, who it is; `openings`: by reference, whose and when; `taken`: by opening, the reservation."""

    people: dict[str, str]
    openings: dict[str, tuple[str, int]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    answered: dict[str, Response] = field(default_factory=dict)
    numbers: Any = field(default_factory=count)

    def who(self, request: Request) -> str | None:
        return self.people.get(request.headers.get("x-api-token", ""))

    async def practitioners(self, request: Request) -> Response:
        if self.who(request) is None:
            return refusal(401, "WHO_ARE_YOU")
        found = [{"ref": ref, "fee": FEE} for ref in self.people.values() if ref.startswith("pr-")]
        return JSONResponse({"items": found})

    async def agenda(self, request: Request) -> Response:
        if self.who(request) is None:
            return refusal(401, "WHO_ARE_YOU")
        mine = [ref for ref, (whose, _) in self.openings.items() if whose == request.path_params["ref"]]
        free = [{"ref": ref, "at": self.openings[ref][1]} for ref in mine if ref not in self.taken]
        return JSONResponse({"capacity": len(mine), "openings": free})

    async def open(self, request: Request) -> Response:
        who = self.who(request)
        if who is None or not who.startswith("pr-"):
            return refusal(403, "NOT_YOURS")
        refs = []
        for time in (await request.json())["times"]:
            refs.append(f"op-{next(self.numbers)}")
            self.openings[refs[-1]] = (who, time["at"])
        return JSONResponse({"refs": refs}, 201)

    async def reserve(self, request: Request) -> Response:
        who, key = self.who(request), request.headers.get("x-request-id", "")
        opening = (await request.json())["opening"]
        if who is None or not key:
            return refusal(400, "WHO_AND_WHICH")
        if key not in self.answered:
            if opening in self.taken:
                return refusal(410, "ALREADY_RESERVED")
            ref = self.taken[opening] = f"rs-{next(self.numbers)}"
            practitioner = self.openings[opening][0]
            reservation = {"ref": ref, "practitioner": practitioner, "fee": FEE}
            self.answered[key] = JSONResponse({"reservation": reservation}, 201)
        return self.answered[key]

    async def release(self, request: Request) -> Response:
        ref = request.path_params["ref"]
        held = [opening for opening, reservation in self.taken.items() if reservation == ref]
        if self.who(request) is None or not held:
            return refusal(404, "NO_SUCH_RESERVATION")
        del self.taken[held[0]]
        return Response(status_code=204)


def refusal(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code}}, status)


def application(clinic: Clinic) -> Starlette:
    return Starlette(
        routes=[
            Route("/api/practitioners", clinic.practitioners),
            Route("/api/practitioners/{ref}/openings", clinic.agenda),
            Route("/api/openings", clinic.open, methods=["POST"]),
            Route("/api/reservations", clinic.reserve, methods=["POST"]),
            Route("/api/reservations/{ref}", clinic.release, methods=["DELETE"]),
        ]
    )


def write_sessions(path: Path, patients: int, practitioners: int) -> dict[str, str]:
    """Write the session bank, which whoever waits for it sees as a whole, and return who is who by token."""
    bank = {
        group: [
            {"id": f"{prefix}-{number}", "specialty": "cardiology", "token": f"token-of-{prefix}-{number}"}
            for number in range(size)
        ]
        for group, prefix, size in (("patients", "pa", patients), ("doctors", "pr", practitioners))
    }
    fresh = path.with_name(f"{path.name}.part")
    fresh.write_text(json.dumps(bank))
    fresh.replace(path)
    return {person["token"]: person["id"] for group in bank.values() for person in group}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--doctors", type=int, default=5)
    parser.add_argument("--sessions", type=Path, default=Path("people.json"))
    options = parser.parse_args()
    everyone = write_sessions(options.sessions, options.patients, options.doctors)
    uvicorn.run(
        application(Clinic(everyone)), port=options.port, log_level="warning", timeout_keep_alive=60, access_log=False
    )
