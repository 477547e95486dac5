"""CPU over process trees, on made-up process tables. Pids below 10 are roots."""

from hypothesis import given
from hypothesis import strategies as st

from slotrush.accounting.ledger import CpuLedger, assign
from slotrush.accounting.procfs import Process


def process(
    pid: int, parent: int = 1, own: int = 0, waited: int = 0, started: int | None = None, ended: bool = False
) -> Process:
    return Process(pid, parent, pid if started is None else started, own, waited, ended)


def table(*processes: Process) -> dict[int, Process]:
    return {each.pid: each for each in processes}


APP = {"app": [2]}
HARNESS_AND_APP = {"harness": [2], "app": [3]}


def test_every_descendant_belongs_to_its_nearest_root() -> None:
    processes = table(process(2), process(3, 2), process(20, 2), process(30, 3), process(300, 30), process(99))

    found = assign(processes, {2: "harness", 3: "app"})

    assert found == {2: "harness", 20: "harness", 3: "app", 30: "app", 300: "app"}


def test_assignment_does_not_depend_on_the_order_of_the_table() -> None:
    processes = table(process(300, 30), process(30, 3), process(3, 2), process(2))

    assert assign(processes, {3: "app"}) == {3: "app", 30: "app", 300: "app"}


def test_a_loop_of_parents_belongs_to_no_one() -> None:
    assert assign(table(process(5, 6), process(6, 5)), {2: "app"}) == {}


def test_a_tree_costs_what_its_processes_and_their_ended_children_cost() -> None:
    ledger = CpuLedger()

    assert ledger.update(table(process(2, own=5, waited=7), process(20, 2, own=3)), APP) == {"app": 15}


def test_a_child_that_ends_keeps_its_cpu_and_its_last_bit_comes_from_the_parent() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=5), process(20, 2, own=100)), APP)

    assert ledger.update(table(process(2, own=5, waited=110)), APP) == {"app": 115}


def test_a_child_between_two_samples_counts() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=5)), APP)

    assert ledger.update(table(process(2, own=5, waited=40)), APP) == {"app": 45}


def test_a_child_that_nobody_waits_for_keeps_its_cpu() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=5), process(20, 2, own=100)), APP)

    assert ledger.update(table(process(2, own=6)), APP) == {"app": 106}


def test_a_whole_tree_that_ends_keeps_its_cpu() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=5), process(20, 2, own=100), process(200, 20, own=1000)), APP)

    assert ledger.update({}, APP) == {"app": 1105}


def test_a_zombie_counts_until_it_is_waited_for() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2), process(20, 2, own=100, ended=True)), APP)

    assert ledger.living() == {(2, 2): "app"}
    assert ledger.update(table(process(2, waited=100)), APP) == {"app": 100}


def test_a_component_whose_root_the_harness_waits_for_is_not_counted_for_the_harness() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=1), process(3, 2, own=100), process(30, 3, own=1000)), HARNESS_AND_APP)

    totals = ledger.update(table(process(2, own=1, waited=1100)), HARNESS_AND_APP)

    assert totals == {"harness": 1, "app": 1100}


def test_the_harness_does_not_count_a_branch_twice_that_ends_with_children_waited_for_in_between() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2), process(3, 2, own=100), process(30, 3, own=1000)), HARNESS_AND_APP)
    ledger.update(table(process(2), process(3, 2, own=100, waited=1000)), HARNESS_AND_APP)

    assert ledger.update(table(process(2, waited=1100)), HARNESS_AND_APP) == {"harness": 0, "app": 1100}


def test_an_orphan_stays_with_its_component() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2), process(20, 2), process(200, 20, own=5)), APP)
    ledger.update(table(process(2), process(200, 1, own=7)), APP)

    assert ledger.update(table(process(2), process(200, 1, own=9), process(201, 200, own=1)), APP) == {"app": 10}


def test_a_root_that_is_no_longer_named_stays_until_it_ends() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2), process(3, 2, own=5)), HARNESS_AND_APP)

    totals = ledger.update(table(process(2), process(3, 2, own=9)), {"harness": [2], "app": []})

    assert totals == {"harness": 0, "app": 9}


def test_a_process_that_is_named_late_takes_only_later_cpu_along() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=1), process(3, 2, own=50)), {"harness": [2]})
    totals = ledger.update(table(process(2, own=1), process(3, 2, own=60)), HARNESS_AND_APP)
    assert totals == {"harness": 51, "app": 10}

    assert ledger.update(table(process(2, own=1, waited=60)), HARNESS_AND_APP) == {"harness": 51, "app": 10}


def test_a_pid_that_is_used_again_is_another_process() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2), process(20, 2, own=100)), APP)

    reused_by_a_stranger = table(process(2, waited=100), process(20, 1, own=5000, started=777))

    assert ledger.update(reused_by_a_stranger, APP) == {"app": 100}


def test_a_root_pid_that_a_stranger_uses_again_is_not_counted() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=100)), APP)

    assert ledger.update(table(process(2, own=5000, started=777)), APP) == {"app": 100}


def test_a_root_pid_that_was_given_up_in_between_is_a_new_root() -> None:
    ledger = CpuLedger()
    ledger.update(table(process(2, own=100)), APP)
    ledger.update({}, {"app": []})

    assert ledger.update(table(process(2, own=11, started=777)), APP) == {"app": 111}


def test_a_component_without_processes_costs_nothing() -> None:
    assert CpuLedger().update({}, {"proxy": []}) == {"proxy": 0}


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 50), st.sampled_from(["run", "fork", "end", "sample"])),
        max_size=60,
    )
)
def test_no_cpu_is_lost_or_invented_whatever_a_tree_does(steps: list[tuple[int, int, str]]) -> None:
    """A simulated kernel: processes run, fork, end; parents wait at once; orphans, once seen, go to pid 1."""
    living = {2: process(2)}
    spent_us, next_pid = 0, 20
    ledger = CpuLedger()

    for pick, amount, action in steps:
        chosen = living[sorted(living)[pick % len(living)]]
        if action == "run":
            spent_us += amount
            living[chosen.pid] = process(chosen.pid, chosen.parent, chosen.own_us + amount, chosen.waited_us)
        elif action == "fork":
            living[next_pid] = process(next_pid, chosen.pid)
            next_pid += 1
        elif action == "sample":
            ledger.update(dict(living), APP)
        elif chosen.pid != 2 and chosen.parent != 1:
            children = [each for each in living.values() if each.parent == chosen.pid]
            if children:
                ledger.update(dict(living), APP)
            del living[chosen.pid]
            for child in children:
                living[child.pid] = process(child.pid, 1, child.own_us, child.waited_us)
            parent = living[chosen.parent]
            gained_us = chosen.own_us + chosen.waited_us
            living[parent.pid] = process(parent.pid, parent.parent, parent.own_us, parent.waited_us + gained_us)

    assert ledger.update(dict(living), APP) == {"app": spent_us}
