"""Registers a member of a clinic's staff, or puts a doctor into the clinic, whose staff may then act for them:

`python -m target_app.identity.staff --clinic "Clínica Aurora" --name "Rita Lima" --email rita@clinic.example`
`python -m target_app.identity.staff --clinic "Clínica Aurora" --doctor 123456/SP`

The password comes from STAFF_PASSWORD or, without it, from standard input. A clinic that is new is made for its first
member of staff. A doctor, who has signed up before, leaves any other clinic.
"""

import argparse
import asyncio
import getpass
import os
import sys
from typing import Final
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from target_app.database import all_or_nothing, sql
from target_app.identity.passwords import HASHER
from target_app.identity.schemas import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, Crm, Email, Line, Locale, State
from target_app.settings import Settings

_REGISTER: Final = sql(__package__, "register_staff")
_EMPLOY: Final = sql(__package__, "employ")


class NewStaff(BaseModel):
    model_config = ConfigDict(extra="forbid")

    clinic: Line
    name: Line
    email: Email
    locale: Locale = "pt-BR"
    password: str = Field(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX)


class Employed(BaseModel):
    """A doctor and the clinic that they are to work in."""

    clinic: Line
    crm: Crm
    crm_state: State


async def register(database_url: str, person: NewStaff) -> UUID | None:
    """All of it or nothing; None when the e-mail is registered already."""
    connection = await asyncpg.connect(database_url)
    try:
        account: UUID | None = await all_or_nothing(
            connection,
            _REGISTER,
            person.clinic,
            person.email,
            HASHER.hash(person.password),
            person.name,
            person.locale,
        )
        return account
    finally:
        await connection.close()


async def employ(database_url: str, doctor: Employed) -> UUID:
    """Raises LookupError that names the clinic or the doctor when there is none such."""
    connection = await asyncpg.connect(database_url)
    try:
        done = await connection.fetchrow(_EMPLOY, doctor.clinic, doctor.crm, doctor.crm_state)
    finally:
        await connection.close()
    if not done["clinic_known"]:
        raise LookupError(f"there is no clinic {doctor.clinic!r}. Register its first member of staff before")
    if done["doctor"] is None:
        raise LookupError(f"no doctor has signed up with the CRM {doctor.crm}/{doctor.crm_state}")
    account: UUID = done["doctor"]
    return account


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m target_app.identity.staff",
        description="Register a member of a clinic's staff (--name and --email; the password comes from STAFF_PASSWORD"
        " or from standard input), or put a doctor into the clinic (--doctor), for whom its staff may then act.",
    )
    parser.add_argument("--clinic", required=True, help="its name; made when it is new and gets staff")
    parser.add_argument("--name", help="of the member of staff")
    parser.add_argument("--email", help="what they sign in with")
    parser.add_argument("--locale", help="language of their e-mails and pages: pt-BR (unless given) or en")
    parser.add_argument("--doctor", metavar="CRM/UF", help="who has signed up, for example 123456/SP")
    options = parser.parse_args()
    of_staff = {name: value for name in ("name", "email", "locale") if (value := getattr(options, name)) is not None}
    if options.doctor is not None and of_staff:
        parser.error("--doctor goes with --clinic only")
    if options.doctor is None and not {"name", "email"} <= of_staff.keys():
        parser.error("give --name and --email of a member of staff, or --doctor")
    database_url = Settings.from_environment().database_url
    if options.doctor is None:
        print(_register(database_url, {"clinic": options.clinic, **of_staff}))
    else:
        print(_employ(database_url, options.clinic, options.doctor))


def _register(database_url: str, given: dict[str, str]) -> UUID:
    """Raises SystemExit that says what is wrong."""
    try:
        person = NewStaff.model_validate({**given, "password": _password()})
    except ValidationError as error:
        raise SystemExit(f"Nobody was registered. {_problems(error)}") from None
    account = asyncio.run(register(database_url, person))
    if account is None:
        raise SystemExit(f"Nobody was registered: {person.email} is already. Choose another e-mail address.")
    return account


def _employ(database_url: str, clinic: str, doctor: str) -> UUID:
    """`doctor` as CRM/UF. Raises SystemExit that says what is wrong."""
    crm, _, state = doctor.partition("/")
    try:
        return asyncio.run(employ(database_url, Employed(clinic=clinic, crm=crm, crm_state=state)))
    except ValidationError as error:
        raise SystemExit(f"Nothing was changed. {_problems(error)}") from None
    except LookupError as error:
        raise SystemExit(f"Nothing was changed: {error}.") from None


def _problems(error: ValidationError) -> str:
    return "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())


def _password() -> str:
    if password := os.environ.get("STAFF_PASSWORD"):
        return password
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    main()
