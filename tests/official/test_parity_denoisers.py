from typing import Any

import pytest

from xgem.official.parity_denoisers import modalities_in
from xgem.study import LATERAL, REPORT


@pytest.mark.parametrize("kind", ["single", "mix", "joint", "loss", "q_sample", "probe"])
def test_each_kind_is_there_and_passes(comparisons: dict[str, Any], kind: str) -> None:
    found = [c for name, c in comparisons.items() if name.startswith(f"{kind}.")]
    assert found
    assert [str(c) for c in found if not c.passed] == []


def test_joint_outputs_and_environment_vectors_of_all_pairs_and_the_triple(
    comparisons: dict[str, Any],
) -> None:
    joint = [name for name in comparisons if name.startswith("joint.")]
    assert len(joint) == 2 * (2 + 2 + 2 + 3)


def test_the_releases_names_are_read() -> None:
    assert modalities_in("text+lateral") == [REPORT, LATERAL]
