import numpy as np

from pipeline.kernels.growing import Growing


def test_what_was_added_stays_and_views_do_not_change() -> None:
    array = Growing(np.zeros((0, 2), np.int32))
    views, expected = [], np.zeros((0, 2), np.int32)
    for size in (0, 1, 3, 100, 2):
        more = np.arange(2 * size, dtype=np.int32).reshape(size, 2) + size
        array.append(more)
        expected = np.concatenate([expected, more])
        views.append((array.values, expected))
    assert all((view == then).all() for view, then in views)
    assert len(array) == 106


def test_room_is_made_a_few_times_only() -> None:
    array, rooms = Growing(np.zeros(1)), set()
    for _ in range(1000):
        array.append(np.ones(1))
        rooms.add(len(array.values.base))
    assert len(rooms) < 11
