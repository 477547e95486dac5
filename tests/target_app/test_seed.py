import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from target_app.identity.documents import is_cpf
from target_app.seed import SPECIALTIES, people


def test_the_same_seed_gives_the_same_people() -> None:
    assert people(50, 10, seed=7) == people(50, 10, seed=7)
    assert people(50, 10, seed=7) != people(50, 10, seed=8)


def test_everyone_is_different_and_every_cpf_is_valid() -> None:
    patients, doctors = people(2_000, 50, seed=1)
    everyone = [*patients, *doctors]
    assert len({one.id for one in everyone}) == len({one.email for one in everyone}) == 2_050
    assert len({one.cpf for one in patients}) == 2_000
    assert all(is_cpf(one.cpf) for one in patients)
    assert len({(one.crm, one.crm_state) for one in doctors}) == 50


def test_patients_are_shared_evenly_among_the_specialties() -> None:
    patients, doctors = people(1_000, 20, seed=1)
    assert Counter(one.specialty for one in patients) == dict.fromkeys(SPECIALTIES, 100)
    assert all(one.specialty == doctors[number % 20].specialty for number, one in enumerate(patients))


def test_a_database_that_is_not_empty_is_left_alone(stack: Any, accounts: Any, sql: Any, tmp_path: Path) -> None:
    assert next(accounts.patients)
    before = sql("SELECT count(*) FROM accounts")
    sizes = ["--patients", "5", "--doctors", "2", "--sessions", str(tmp_path / "s.json")]
    failed = subprocess.run(
        [sys.executable, "-m", "target_app.seed", *sizes],
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert failed.returncode == 1
    assert "not empty" in failed.stderr
    assert sql("SELECT count(*) FROM accounts") == before
