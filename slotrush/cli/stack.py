"""Commands that start, fill and stop a stack that stays."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from slotrush import seed as seeding
from slotrush.cli.base import Cpu, DatabaseUrl, Doctors, Patients, Port, Proxies, RedisUrl, Replicas, Seed, console

commands = typer.Typer()
CROWD = seeding.SeedOptions()


@commands.command()
def up(
    patients: Patients = 1_000,
    doctors: Doctors = 50,
    seed: Seed = 1,
    replicas: Replicas = 2,
    cpu: Cpu = None,
    proxies: Proxies = 2,
    port: Port = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    empty: Annotated[bool, typer.Option("--empty", help="With nobody in it: for slotrush seed.")] = False,
    read_replica: Annotated[bool, typer.Option("--read-replica", help="With a streaming replica for reads.")] = False,
) -> None:
    """Start a stack with people in it, keep it running, and print its URLs."""
    from slotrush.stack import StackOptions, keep  # noqa: PLC0415  keeps `--help` quick
    from slotrush.stack.quota import parse_cpu_m  # noqa: PLC0415
    from slotrush.swarm.sizes import require_positive  # noqa: PLC0415

    folder = keep.HOME / "up"
    folder.mkdir(parents=True, exist_ok=True)
    require_positive(patients=patients, doctors=doctors)
    options = StackOptions(
        folder,
        replicas,
        proxies,
        database_url=database_url or None,
        redis_url=redis_url or None,
        port=port,
        read_replica=read_replica,
        cpu_quota_m=None if cpu is None else parse_cpu_m(cpu),
    )
    sessions = folder / "sessions.json"
    people = seeding.SeedOptions(doctors=doctors, patients=patients, slots=0, seed=seed, sessions=sessions)
    urls = keep.up(
        options,
        lambda urls: None if empty else seeding.run(people, urls.environment(), lambda _: None),
        lambda step: console.print(escape(step), highlight=False),
    )
    next_step = (
        f"fill it    slotrush seed --sessions {sessions}\n"
        if empty
        else (
            f"race it    slotrush race --host {urls.base_url} --sessions {sessions} --patients {patients}"
            f" --doctors {doctors} --slots {doctors * 20}\n"
            f"web UI     locust -f locustfiles/race.py --host {urls.base_url} --sessions {sessions}\n"
        )
    )
    console.print(
        f"\ntarget     {urls.base_url}  (OpenAPI: {urls.base_url}/docs)\n"
        f"replicas   {' '.join(urls.replica_urls)}{f'  ({options.cpu_quota_m}m of CPU each)' if cpu else ''}\n"
        f"database   {urls.database_url}\n"
        f"{f'for reads  {urls.database_read_url}{chr(10)}' if urls.database_read_url else ''}"
        f"cache      {urls.redis_url}\n"
        f"{f'files      {urls.objects.endpoint}{chr(10)}' if urls.objects else ''}"
        f"mailbox    {urls.mailbox_path}\n"
        f"sessions   {sessions}\n\n"
        f"{next_step}"
        "stop it    slotrush down",
        highlight=False,
        soft_wrap=True,
    )


@commands.command("seed")
def seed_command(
    doctors: Annotated[int, typer.Option(help="Doctors, each of a clinic.")] = CROWD.doctors,
    patients: Annotated[int, typer.Option(help="Patients.")] = CROWD.patients,
    slots: Annotated[int, typer.Option(help="Slots of the doctors, from tomorrow on.")] = CROWD.slots,
    clinics: Annotated[int | None, typer.Option(help="Clinics; one for twenty doctors when not given.")] = None,
    staff: Annotated[int | None, typer.Option(help="Receptionists; two for a clinic when not given.")] = None,
    seed: Seed = CROWD.seed,
    sessions: Annotated[Path | None, typer.Option(help="JSON file to write, with a session for everyone.")] = None,
) -> None:
    """Fill an empty system with people and slots: the one that DATABASE_URL and JWT_KEY_FILE name, or that runs by
    `slotrush up --empty`."""
    options = seeding.SeedOptions(doctors, patients, slots, clinics, staff, seed, sessions)
    environment = seeding.target(os.environ)
    seeding.run(options, environment, lambda step: console.print(escape(step), highlight=False, soft_wrap=True))


@commands.command()
def down() -> None:
    """Stop the stack that `slotrush up` started."""
    from slotrush.stack import keep  # noqa: PLC0415

    console.print("the stack is stopped" if keep.down() else "no stack was running")
