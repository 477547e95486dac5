import os
import subprocess
import sys

from slotrush.accounting.procfs import parse_stat, read_pages, read_processes, read_pss

STAT = (
    b"4242 (a (very) odd name) S 17 4242 4242 0 -1 4194304 900 0 0 0 "
    b"150 50 30 20 20 0 3 0 123456 99999 500 184467 1 1 0\n"
)


def test_a_stat_line_gives_cpu_in_microseconds_despite_an_odd_program_name() -> None:
    tick_us = 1_000_000 // os.sysconf("SC_CLK_TCK")

    found = parse_stat(STAT)

    assert (found.pid, found.parent, found.started_ticks) == (4242, 17, 123456)
    assert (found.own_us, found.waited_us) == (200 * tick_us, 50 * tick_us)
    assert not found.ended


def test_a_zombie_has_ended() -> None:
    assert parse_stat(STAT.replace(b") S ", b") Z ")).ended


def test_this_process_is_found_under_its_parent() -> None:
    found = read_processes()[os.getpid()]

    assert found.parent == os.getppid()
    assert found.identity == read_processes()[os.getpid()].identity


def test_parents_come_before_children() -> None:
    pids = list(read_processes())

    assert pids == sorted(pids)


def test_set_size_lies_between_the_private_and_all_pages() -> None:
    pages, pss = read_pages(os.getpid()), read_pss(os.getpid())

    assert pages is not None
    assert pss is not None
    assert pages.private * 0.5 < pss <= (pages.private + pages.shared) * 1.1


def test_a_process_that_has_gone_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass

    assert gone.pid not in read_processes()
    assert read_pages(gone.pid) is None
    assert read_pss(gone.pid) is None
