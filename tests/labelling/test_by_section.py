"""Work over sections: in order, ahead but not far, and dropped when closed."""

import threading

import pytest

from napari_advseg.volume.by_section import in_order


def test_results_come_in_the_order_of_the_items():
    assert list(in_order(lambda k: k * k, range(50))) == [k * k for k in range(50)]


def test_items_are_drawn_only_a_few_ahead():
    drawn = []
    results = in_order(lambda k: k, (drawn.append(k) or k for k in range(10_000)))
    next(results)
    assert len(drawn) < 1000
    results.close()


def test_items_are_drawn_in_the_calling_thread():
    threads = set()
    items = (threads.add(threading.current_thread()) or k for k in range(20))
    assert sum(in_order(lambda k: k, items)) == 190
    assert threads == {threading.current_thread()}


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda k: 1 // k, [1, 0, 1]))
