from functools import partial

import pytest
from training_logs import write_run


@pytest.fixture
def write(tmp_path):
    """Writes a run below the folder ``runs``."""
    return partial(write_run, tmp_path / "runs")
