"""Questions that are asked often have an index that begins with what they ask by."""

from typing import Any

import pytest

BEGINNINGS = """
SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index WHERE indrelid = $1::regclass
"""


@pytest.mark.parametrize(
    ("table", "begins"),
    [
        ("waiting_list", "(patient_id"),
        ("notification_retries", "(event_id, recipient"),
        ("appointments", "(doctor_id, lower(during)"),
        ("appointments", "(lower(during)) WHERE (state = 'requested'"),
        ("appointment_events", "(relayed_at) WHERE (relayed_at IS NOT NULL"),
    ],
)
def test_there_is_an_index_that_begins_with(sql: Any, table: str, begins: str) -> None:
    assert any(f"USING btree {begins}" in row["definition"] for row in sql(BEGINNINGS, table))
