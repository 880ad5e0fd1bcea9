"""The simulated cluster against what can be reckoned by hand."""

import pytest

from benchmarks.cluster_simulation import Assumptions, Costs, measured_costs, simulate

COSTS = Costs(rate=100.0, unit=0.5, start=2.0, planning=1e4, verifying=1e4)
IDEAL = Assumptions(hours_between_failures=1e12, slow=0.0, spread=0.0)


@pytest.mark.parametrize("handed_out", [True, False])
def test_without_failures_it_is_arithmetic(handed_out: bool) -> None:
    found = simulate(40_000, 4, 1_000, COSTS, IDEAL, handed_out=handed_out)
    assert found.labelling == pytest.approx(2.0 + 10 * (1_000 / 100 + 0.5))
    assert found.planning == pytest.approx(4.0)
    assert (found.failures, found.lost) == (0, 0.0)
    assert found.efficiency == pytest.approx(100 / found.labelling)


def test_one_slow_worker_holds_up_an_array_and_not_a_queue() -> None:
    slow = Assumptions(hours_between_failures=1e12, slow=0.25, slowness=3.0, spread=0.0)
    queue, array = (simulate(400_000, 16, 1_000, COSTS, slow, handed_out=h, seed=3) for h in (True, False))
    assert array.labelling == pytest.approx(2.0 + 25 * 10.5 * 3)
    assert queue.labelling < 0.6 * array.labelling


def test_failures_lose_at_most_the_units_at_hand_and_all_is_done() -> None:
    failing = Assumptions(hours_between_failures=0.05, slow=0.0, spread=0.0)
    found = simulate(400_000, 8, 1_000, COSTS, failing)
    assert found.failures > 0
    assert 0 < found.lost <= found.failures * 10.5
    ideal = 2.0 + 50 * 10.5
    assert ideal < found.labelling <= ideal + found.lost + found.failures * COSTS.start + 10.5


def test_costs_are_read_from_the_record_of_batch_jobs() -> None:
    memory = [{"rows": 1000, "seconds": 2.0, "planning": 0.5, "verifying": 0.25}]
    jobs = [{"sentences": 110, "seconds": 1.5, "planning": 0.5}]
    results = {"memory": memory, "jobs": jobs, "unit_seconds": 0.01, "start_seconds": 1.0}
    costs = measured_costs({"results": results})
    assert costs["CPU"] == Costs(110.0, 0.01, 1.0, 2000.0, 4000.0)
    assert costs["GPU"] == Costs(500.0, 0.01, 1.0, 2000.0, 4000.0)
