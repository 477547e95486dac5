"""The commands of the manifests do what they should: run as they are written, without any powers, from files that
cannot be written, with the images' packages alone, on real stores."""

import asyncio
import json
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from slotrush import gate, slo
from slotrush.runs import record
from slotrush.stack import Stack, StackOptions, StackUrls
from slotrush.summary import summarise
from tests.databases import Databases
from tests.k8s.container import Image, container_of, image
from tests.k8s.rendering import K8S, ROOT, Manifest, containers, named, of_kind, rendered, workloads
from tests.ports import unused_port
from tests.target_app.statements import rows_of

LIMIT_S = 60
RACE = {
    "WORKERS": "2",
    "SCENARIO": "race",
    "PATIENTS": "60",
    "DOCTORS": "4",
    "SLOTS": "20",
    "SEED": "3",
    "SPAWN_RATE": "60",
    "RUN_ID": "race-in-the-cluster",
}


@pytest.fixture(scope="module")
def system(stack: StackUrls, databases: Databases) -> Iterator[StackUrls]:
    """The stores, with a database, keys and objects that nobody else has, and nobody in it, as scripts/k8s-race leaves
    the one in the cluster."""
    assert stack.objects is not None
    with databases.migrated("k8s") as url:
        yield replace(
            stack, database_url=url, redis_key_prefix="k8s:", objects=replace(stack.objects, key_prefix="k8s/")
        )


@pytest.fixture
def whole_system(tmp_path: Path) -> Iterator[StackUrls]:
    """With replicas of its own, too."""
    with Stack(StackOptions(tmp_path, replicas=1, proxies=1)) as own:
        yield own.start(lambda _: None)


@pytest.fixture(scope="module")
def app_image() -> Iterator[Image]:
    with image(ROOT / "target_app" / "requirements.txt", "target_app") as made:
        yield made


@pytest.fixture(scope="module")
def swarm_image() -> Iterator[Image]:
    with image(K8S / "swarm" / "requirements.txt", "slotrush", "locustfiles") as made:
        yield made


def settings(made: Image, system: StackUrls) -> dict[str, str]:
    """What the ConfigMap says, with the addresses and the key of the system that is here."""
    given: dict[str, str]
    [given] = [one["data"] for one in of_kind(rendered("overlays/kind"), "ConfigMap") if "JWT_KEY_FILE" in one["data"]]
    keys = made.volume("/run/secrets/booking")
    shutil.copy(system.jwt_key_file, keys / "jwt.pem")
    (keys / "jwt.pem").chmod(0o444)
    assert system.objects is not None
    return (
        given
        | system.objects.environment()
        | {
            "DATABASE_URL": system.database_url,
            "DATABASE_DIRECT_URL": system.database_url,
            "REDIS_URL": system.redis_url,
            "REDIS_KEY_PREFIX": system.redis_key_prefix,
            "SMTP_URL": system.smtp_url,
            "JWT_KEY_FILE": str(keys / "jwt.pem"),
        }
    )


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]", said: Callable[[], str]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert process.poll() is None, said()
        assert time.monotonic() < deadline, said()
        time.sleep(0.1)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def of_the_kind_cluster(kind: str, name: str) -> Manifest:
    return container_of(named(rendered("overlays/kind"), kind, name), name)


def test_a_replica_answers_its_probes_serves_while_it_drains_and_ends_in_time(
    system: StackUrls, app_image: Image, free_port: int
) -> None:
    container = of_the_kind_cluster("Deployment", "app")
    command = app_image.command(container, {}, {"--port=8000": f"--port={free_port}"})
    url = f"http://127.0.0.1:{free_port}"

    with app_image.running(command, settings(app_image, system)) as replica:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            path = container[probe]["httpGet"]["path"]
            until(lambda path=path: status(url + path) == 200, replica, app_image.said)  # type: ignore[misc]
        assert status(f"{url}/metrics") == 200
        assert status(f"{url}/docs") == 200
        replica.terminate()
        until(lambda: status(f"{url}/readyz") == 503, replica, app_image.said)
        assert status(f"{url}/docs") == 200

        # Once everybody is answered, uvicorn passes the signal on to the process itself.
        assert replica.wait(LIMIT_S) == -signal.SIGTERM, app_image.said()


def test_the_migrations_run_and_run_again(system: StackUrls, app_image: Image) -> None:
    container = of_the_kind_cluster("Job", "migrate")

    for _ in range(2):
        with app_image.running(app_image.command(container, {}, {}), settings(app_image, system)) as migration:
            assert migration.wait(LIMIT_S) == 0, app_image.said()


def test_the_notifier_answers_its_probes(system: StackUrls, app_image: Image, free_port: int) -> None:
    container = of_the_kind_cluster("Deployment", "notifier")
    command = app_image.command(container, {}, {})
    environment = settings(app_image, system) | {"NOTIFIER_METRICS_PORT": str(free_port)}

    with app_image.running(command, environment) as notifier:
        path = container["livenessProbe"]["httpGet"]["path"]
        until(lambda: status(f"http://127.0.0.1:{free_port}{path}") == 200, notifier, app_image.said)
        notifier.terminate()

        assert notifier.wait(LIMIT_S) == 0, app_image.said()


WORKING = "SELECT FROM pg_stat_activity WHERE application_name = 'target_app' AND datname = current_database()"


def test_the_worker_on_files_starts_and_ends(system: StackUrls, app_image: Image) -> None:
    command = app_image.command(of_the_kind_cluster("Deployment", "images"), {}, {})

    with app_image.running(command, settings(app_image, system)) as worker:
        until(lambda: rows_of(system.database_url, WORKING) != [], worker, app_image.said)
        worker.terminate()

        assert worker.wait(LIMIT_S) == 0, app_image.said()


def test_the_bucket_is_made_and_may_be_there_already(system: StackUrls, swarm_image: Image) -> None:
    command = swarm_image.command(of_the_kind_cluster("Job", "bucket"), {}, {})

    with swarm_image.running(command, settings(swarm_image, system)) as made:
        assert made.wait(LIMIT_S) in (0, 1), swarm_image.said()
        assert "not in the image" not in swarm_image.said()


def test_the_mailbox_takes_mail(swarm_image: Image, free_port: int) -> None:
    container = container_of(named(rendered("swarm"), "Job", "race"), "mailbox")
    command = swarm_image.command(container, {}, {"--port=2525": f"--port={free_port}"})

    def answers() -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", free_port, timeout=5) as session:
                session.sendmail("a@clinic.example", ["b@clinic.example"], "Subject: hello\r\n\r\nhello")
        except OSError:
            return False
        return True

    with swarm_image.running(command, {}) as mailbox:
        until(answers, mailbox, swarm_image.said)

    with closing(sqlite3.connect(swarm_image.volume("/mail") / "mailbox.sqlite")) as mails:
        assert mails.execute("SELECT recipient FROM mails").fetchall() == [("b@clinic.example",)]


@pytest.mark.long
def test_a_race_leaves_a_record_that_the_other_commands_read(
    whole_system: StackUrls, app_image: Image, swarm_image: Image, free_port: int
) -> None:
    """Seeder, sessions, master and workers, each as its container has it; the workers may not look at the master's
    folder, so that their parts have to be sent."""
    race, workers = (named(rendered("swarm"), "Job", name) for name in ("race", "race-workers"))
    variables = RACE | {"TARGET": whole_system.base_url}
    environment = settings(app_image, whole_system) | variables
    shutil.copy(K8S / "swarm" / "targets.toml", swarm_image.volume("/etc/slotrush"))
    results = swarm_image.private_volume("/results")
    sessions = swarm_image.volume("/sessions")

    seeder = app_image.command(container_of(race, "seed"), variables, {})
    with app_image.running(seeder, environment) as seeding:
        assert seeding.wait(LIMIT_S) == 0, app_image.said()
    bank = app_image.volume("/sessions") / "sessions.json"
    assert len(json.loads(bank.read_text())["patients"]) == 60
    shutil.copy(bank, sessions)
    (sessions / "sessions.json").chmod(0o444)

    with ExitStack() as pods:
        server = swarm_image.command(container_of(race, "sessions"), variables, {"8090": str(free_port)})
        pods.enter_context(swarm_image.running(server, {}, log="sessions"))
        fetched = swarm_image.volume("/fetched") / "sessions.json"
        fetch = swarm_image.command(
            container_of(workers, "sessions"), variables, {"race:8090": f"127.0.0.1:{free_port}"}
        )
        with swarm_image.running([*fetch[:-1], str(fetched)], {}, log="fetch") as fetching:
            assert fetching.wait(LIMIT_S) == 0, swarm_image.said("fetch")
        metrics = unused_port()
        here = {
            str(swarm_image.volume("/mail") / "mailbox.sqlite"): str(whole_system.mailbox_path),
            "9646": str(metrics),
        }
        master = swarm_image.command(container_of(race, "race"), variables, here)
        run = pods.enter_context(swarm_image.running(master, environment, log="race", powers=True))
        own = {"--master-host=race": "--master-host=127.0.0.1", str(sessions / "sessions.json"): str(fetched)}
        for number in range(2):
            worker = swarm_image.command(container_of(workers, "worker"), variables, own)
            pods.enter_context(swarm_image.running(worker, variables, log=f"worker{number}"))
        # Prometheus comes from another pod: any address but that of the pod itself.
        until(lambda: status(f"http://127.0.0.2:{metrics}/metrics") == 200, run, lambda: swarm_image.said("race"))
        code = run.wait(3 * LIMIT_S)

        assert code == 0, swarm_image.said("race") + swarm_image.said("worker0")

    run_dir = results / RACE["RUN_ID"]
    with closing(record.open_finished(run_dir)) as connection:
        summary = summarise(connection)
        verdict = gate.judge(connection, slo.load())
        assert record.part_paths(run_dir) == []
        names = {name for (name,) in connection.execute("SELECT key FROM meta WHERE key LIKE 'merged:%'")}
    assert names == {"merged:master", "merged:worker0", "merged:worker1"}
    assert summary.audit.clean
    assert summary.race is not None
    assert (summary.race.slots, summary.race.sold) == (20, 20)
    judged = {one.objective.name: one.outcome for one in verdict.results}
    assert judged["audit-clean"] is gate.Outcome.PASS
    assert judged["app-cpu"] is judged["replica-memory"] is gate.Outcome.SKIPPED


def test_every_python_module_that_a_manifest_starts_is_tested_here() -> None:
    every = [*rendered("overlays/kind"), *rendered("swarm")]
    started = {
        one["command"][2]
        for workload in workloads(every)
        for one in containers(workload)
        if one.get("command", [""])[:2] == ["python", "-m"]
    }

    assert started == {
        "http.server",
        "locust",
        "slotrush.cluster_run",
        "slotrush.stack.mailbox",
        "slotrush.stack.objects",
        "slotrush.swarm.fetch",
        "target_app.migrate",
        "target_app.notifications.worker",
        "target_app.records.worker",
        "target_app.seed",
        "target_app.serve",
    }


def test_the_commands_of_the_dockerfiles_are_those_of_the_manifests() -> None:
    """For those who start the image by itself."""
    for folder, container in (("target_app", of_the_kind_cluster("Deployment", "app")),):
        lines = (ROOT / folder / "Dockerfile").read_text().splitlines()
        [command] = [line.removeprefix("CMD ") for line in lines if line.startswith("CMD ")]
        assert json.loads(command) == container["command"]


SOMEBODY = """
WITH account AS (
    INSERT INTO accounts (role, email, password_hash) VALUES ('patient', 'ana@mail.example', '-') RETURNING id
)
INSERT INTO patients (id, name, cpf, email) SELECT id, 'Ana', '52998224725', 'ana@mail.example' FROM account
"""


def test_erasing_leaves_the_schema_and_nothing_else(system: StackUrls) -> None:
    """What scripts/k8s-race does to the database before a race."""

    async def erase() -> tuple[int, int]:
        connection = await asyncpg.connect(system.database_url)
        try:
            await connection.execute(SOMEBODY)
            await connection.execute((K8S / "swarm" / "erase.sql").read_text())
            patients = await connection.fetchval("SELECT count(*) FROM patients")
            migrations = await connection.fetchval("SELECT count(*) FROM schema_migrations")
        finally:
            await connection.close()
        return patients, migrations

    patients, migrations = asyncio.run(erase())

    assert patients == 0
    assert migrations == len(list((ROOT / "target_app" / "migrations").glob("*.sql")))
