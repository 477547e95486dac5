import os
import subprocess
import sys
from typing import Any

from target_app.migrate import dbmate_url


def test_tls_is_off_unless_the_url_says_otherwise() -> None:
    assert dbmate_url("postgresql://u:p@127.0.0.1:5432/db") == "postgres://u:p@127.0.0.1:5432/db?sslmode=disable"
    assert dbmate_url("postgres://h/db?sslmode=require") == "postgres://h/db?sslmode=require"


def test_migrating_again_changes_nothing(stack: Any, sql: Any) -> None:
    columns = """
        SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
    """
    before = sql(columns)
    subprocess.run([sys.executable, "-m", "target_app.migrate"], env=stack.environment(), check=True, timeout=60)
    assert sql(columns) == before
    assert ("slots", "during") in {tuple(row) for row in before}


def test_without_a_database_it_says_so() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    command = [sys.executable, "-m", "target_app.migrate"]
    failed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert failed.returncode == 1
    assert "DATABASE_URL is not set" in failed.stderr
