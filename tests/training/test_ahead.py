import threading

import pytest

from xgem.training.ahead import ahead


def test_all_are_made_in_order_by_another_thread_before_they_are_asked_for() -> None:
    made: list[int] = []
    threads = set()

    def make(step: int) -> int:
        made.append(step)
        threads.add(threading.current_thread())
        return step * step

    found = ahead(make, range(5))
    assert next(found) == 0
    assert next(found) == 1
    assert list(found) == [4, 9, 16]
    assert made == [0, 1, 2, 3, 4]
    assert threads.isdisjoint({threading.current_thread()})
    assert len(threads) == 1


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_no_more_are_made_than_is_allowed(depth: int) -> None:
    made: list[int] = []
    found = ahead(lambda step: made.append(step) or step, range(10), depth)
    assert next(found) == 0
    assert len(made) <= 1 + depth
    found.close()
    assert len(made) <= 1 + depth


def test_what_goes_wrong_goes_wrong_where_it_is_asked_for() -> None:
    def make(step: int) -> int:
        return 1 // (2 - step)

    found = ahead(make, range(4))
    assert next(found) == 0
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)
