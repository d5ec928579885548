import pytest
import torch

from xgem.latents.memory_slots import MemorySlots


@pytest.mark.parametrize(("fixed", "later"), [(True, 4), (False, 5)])
def test_fixed_slots_are_read_and_never_written(fixed: bool, later: int) -> None:
    slots = torch.randn(2, 3, 4, 3, 5)  # batch layers heads slots width
    memory = MemorySlots(slots, fixed=fixed)
    new = torch.randn(2, 4, 1, 5)
    keys, values = memory.update(new, 2 * new, 1)
    torch.testing.assert_close(keys, torch.cat([slots[:, 1], new], dim=2))
    torch.testing.assert_close(values, torch.cat([slots[:, 1], 2 * new], dim=2))
    assert memory.update(new, new, 1)[0].shape[2] == later
