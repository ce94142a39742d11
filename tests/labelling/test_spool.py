"""What is set aside on disk comes back as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, integer_dtypes

from napari_advseg.labelling.stack.spool import Spool
from napari_advseg.volume.refusals import Unwritable


@given(st.lists(arrays(integer_dtypes(), array_shapes(max_dims=3, max_side=5)), max_size=5))
@settings(deadline=None, max_examples=20)
def test_arrays_come_back_in_any_order(sections):
    with Spool() as spool:
        for section in sections:
            spool.add(section)
        assert len(spool) == len(sections)
        for k in reversed(range(len(sections))):
            np.testing.assert_array_equal(spool.read(k), sections[k])
            assert spool.read(k).dtype == sections[k].dtype


def test_nothing_is_left_in_the_folder(tmp_path):
    with Spool(tmp_path) as spool:
        spool.add(np.arange(5)[::2])
        np.testing.assert_array_equal(spool.read(0), [0, 2, 4])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Unwritable, match="gone"), Spool(tmp_path / "gone"):
        pass
