"""The dashboard of the data tier: is the database, the cache or the queue between them what people wait for."""

from dashboards.alerts import OUTBOX_LAG_MAX_S
from dashboards.board import Board
from dashboards.panels import THIRD, Query, Row, at_least, at_most, chart, figure
from dashboards.promql import APP, rate, select
from slotrush.slo import Objectives

CACHE_HITS_MIN = 0.99
"""Below, a database of this size does not fit into its memory (PostgreSQL wiki, "Performance optimization")."""
REPLICATION_LAG_MAX_S = 5
"""The booking system reads no replica that is more than 2 s behind: at so much, its reads burden the primary."""
POOL_WAIT_MAX_S = 0.1


def board(_: Objectives) -> Board:
    return Board(
        "data",
        "slotrush-data",
        "Data tier",
        "Is PostgreSQL, Valkey or the outbox what people wait for?",
        [_now(), _from_the_app(), _postgres(), _pool(), _valkey()],
    )


def _now() -> Row:
    hit, read = (f"sum({rate(f'cnpg_pg_stat_database_blks_{kind}')})" for kind in ("hit", "read"))
    keys_hit, keys_missed = (f"sum({rate(f'redis_keyspace_{kind}_total')})" for kind in ("hits", "misses"))
    return "Now", [
        figure(
            "Waiting for a lock",
            "Sessions of the database that wait for another one.",
            "short",
            Query(f"sum({select('cnpg_backends_waiting_total')})"),
            limits=at_most(5),
        ),
        figure(
            "Waiting for a connection",
            "Clients in the pooler's queue.",
            "short",
            Query(f"sum({select('cnpg_pgbouncer_pools_cl_waiting')})"),
            limits=at_most(1),
        ),
        figure(
            "Replica behind by",
            "How old what the read replica knows is.",
            "s",
            Query(f"max({select('cnpg_pg_replication_lag')})"),
            limits=at_most(REPLICATION_LAG_MAX_S),
        ),
        figure(
            "Read from memory",
            "Share of the database's blocks that were in its memory already.",
            "percentunit",
            Query(f"{hit} / ({hit} + {read} > 0)"),
            limits=at_least(CACHE_HITS_MIN),
            decimals=2,
        ),
        figure(
            "Found in Valkey",
            "Share of the keys that were looked up and were there.",
            "percentunit",
            Query(f"{keys_hit} / ({keys_hit} + {keys_missed} > 0)"),
        ),
        figure(
            "Outbox",
            "Age of the oldest event that the stream does not have yet.",
            "s",
            Query(f"max({select('notifier_outbox_lag_seconds')})"),
            limits=at_most(OUTBOX_LAG_MAX_S),
        ),
    ]


def _from_the_app() -> Row:
    return "What the booking system asks for", [
        chart(
            "Reads by server",
            "Where directory and agendas are read: from the primary, or from the replica when there is one.",
            "ops",
            Query(f"sum by (server) ({rate('reads_total', APP)})", "{{server}}"),
            span=THIRD,
        ),
        chart(
            "Agendas loaded",
            "Agendas that were read from the database. Everybody else got them from memory.",
            "ops",
            Query(f"sum({rate('agenda_loads_total', APP)})", "loaded"),
            span=THIRD,
        ),
        chart(
            "Bookings that reached the database",
            "The rest was told 'taken' before.",
            "ops",
            Query(
                f"sum({rate('bookings_total', APP)}) - sum({rate('bookings_answered_early_total', APP)})",
                "reached it",
            ),
            span=THIRD,
        ),
    ]


def _postgres() -> Row:
    committed = rate("cnpg_pg_stat_database_xact_commit")
    undone = rate("cnpg_pg_stat_database_xact_rollback")
    return "PostgreSQL", [
        chart(
            "Transactions",
            "Committed, and undone. A booking that lost against a constraint is undone.",
            "ops",
            Query(f"sum({committed})", "committed"),
            Query(f"sum({undone})", "undone"),
            span=THIRD,
        ),
        chart(
            "Sessions",
            "By what they are doing. Many that are idle in a transaction hold locks for nothing.",
            "short",
            Query(f"sum by (state) ({select('cnpg_backends_total')})", "{{state}}"),
            span=THIRD,
            stacked=True,
        ),
        chart(
            "Longest transaction",
            "The oldest one that is still open.",
            "s",
            Query(f"max by (pod) ({select('cnpg_backends_max_tx_duration_seconds')})", "{{pod}}"),
            span=THIRD,
        ),
        chart(
            "Blocks",
            "Found in memory, and read from disk.",
            "ops",
            Query(f"sum({rate('cnpg_pg_stat_database_blks_hit')})", "in memory"),
            Query(f"sum({rate('cnpg_pg_stat_database_blks_read')})", "from disk"),
            span=THIRD,
        ),
        chart(
            "Replica behind by",
            "Grows while the replica cannot follow the writes.",
            "s",
            Query(f"max by (pod) ({select('cnpg_pg_replication_lag')})", "{{pod}}"),
            span=THIRD,
            limits=at_most(REPLICATION_LAG_MAX_S),
        ),
        chart(
            "Size",
            "Of the databases on disk.",
            "bytes",
            Query(f"max by (datname) ({select('cnpg_pg_database_size_bytes')})", "{{datname}}"),
            span=THIRD,
        ),
    ]


def _pool() -> Row:
    return "Connection pool", [
        chart(
            "Clients of the pooler",
            "Who waits has no connection: more replicas of the app do not help then, they only lengthen the queue.",
            "short",
            Query(f"sum({select('cnpg_pgbouncer_pools_cl_active')})", "served"),
            Query(f"sum({select('cnpg_pgbouncer_pools_cl_waiting')})", "waiting"),
        ),
        chart(
            "Longest wait for a connection",
            "Of the first in the queue.",
            "s",
            Query(f"max({select('cnpg_pgbouncer_pools_maxwait')})", "longest"),
            limits=at_most(POOL_WAIT_MAX_S),
        ),
    ]


def _valkey() -> Row:
    return "Valkey", [
        chart(
            "Commands",
            "Per second.",
            "ops",
            Query(f"sum({rate('redis_commands_processed_total')})", "commands"),
            span=THIRD,
        ),
        chart(
            "Memory",
            "At its limit it forgets keys, or refuses writes.",
            "bytes",
            Query(f"sum({select('redis_memory_used_bytes')})", "used"),
            Query(f"sum({select('redis_memory_max_bytes')})", "limit"),
            span=THIRD,
        ),
        chart(
            "Keys forgotten",
            "For want of memory. The stream of events must never be among them.",
            "ops",
            Query(f"sum({rate('redis_evicted_keys_total')})", "evicted"),
            Query(f"sum({rate('redis_expired_keys_total')})", "expired"),
            span=THIRD,
        ),
    ]
