"""A section is labelled in the memory of the one before."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource
import numpy as np
from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.settings.labelling import LabellingSettings
map_ = np.tile(np.random.default_rng(0).random((32, 32), np.float32), (32, 32))
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    label_section(map_, LabellingSettings())
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other systems keep freed memory")
def test_a_later_section_asks_for_hardly_any_new_pages():
    found = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, check=True)
    assert int(found.stdout) < 200
