"""Every test here starts from the same random state, on one thread."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded_single_thread():
    """Seed torch, which `build` draws from. One thread, because these models are too small to split and threads that
    wait for each other on a busy machine take minutes."""
    before = torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
