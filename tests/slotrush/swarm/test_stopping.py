"""A swarm without a page that Locust or its own users stop, before anybody asked for it, ends with its record."""

from pathlib import Path

import pytest

from tests.slotrush.swarm.little_clinic import PATIENTS, LittleClinic, write_bank
from tests.slotrush.swarm.swarming import events, forked, locust, recorded

LOCUSTFILE = Path(__file__).with_name("stopping_swarm.py")
LIMIT_S = 60
TURNS = 5


@pytest.mark.parametrize(
    ("who", "processes", "ends"),
    [
        pytest.param("the master", 0, ["stopped"], marks=pytest.mark.long),
        pytest.param("the master", 2, ["stopped"], marks=pytest.mark.long),  # test_web_page.py has one that is stopped
        pytest.param("a user, for all", 0, ["stopped"], marks=pytest.mark.long),
        ("a user, for all", 2, ["worker-lost", "stopped"]),
        ("Ctrl-C while a user computes", 0, ["stopped"]),
        pytest.param("each user", 2, ["ended", "stopped"], marks=pytest.mark.long),
    ],
)
def test_a_swarm_that_is_stopped_from_within_ends_with_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str, processes: int, ends: list[str]
) -> None:
    monkeypatch.setenv("WHO_STOPS", who)
    run_dir, log = tmp_path / "run", tmp_path / "log"
    bank = write_bank(tmp_path / "bank.json")
    with LittleClinic().open() as clinic:
        options = ["--headless", "--host", clinic.url, "--sessions", bank, "--run-dir", run_dir, "--users", PATIENTS]
        options += forked(processes)
        with locust(options, log, locustfile=LOCUSTFILE) as process:
            assert process.wait(LIMIT_S) == 0, log.read_text()

    assert "Traceback" not in log.read_text()
    with recorded(run_dir) as run:
        happened = events(run)
        assert happened[:3] == ["connect", "connected", "start"]
        assert list(dict.fromkeys(happened[3:])) == ends
        assert run.execute("SELECT count(*) FROM lost_actors").fetchone() == (0,)
        ((asked,),) = run.execute("SELECT count(*) FROM ledger").fetchall()
        assert asked == PATIENTS * TURNS if who == "each user" else asked > TURNS
    assert not list((run_dir / "parts").glob("*.sqlite"))
