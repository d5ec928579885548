"""Parity with the published model: every tensor that its authors' code computed.

The tensors lie in ../shared/reference/golden; where that is absent, so is the proof.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.parity

KINDS = {
    "schedule": ("betas", "posterior_"),
    "single outputs": ("single.",),
    "mixed prompts": ("mix.",),
    "joint outputs and environment vectors": ("joint.",),
    "losses": ("loss.", "gpt_rec_loss"),
    "DDIM, eta 0": ("frontal_eta0.traj", "text_eta0.traj", "joint_text_frontal_eta0.traj"),
    "DDIM, eta 1": ("frontal_eta1.traj",),
    "image autoencoder": ("moments", "decoded"),
    "report autoencoder": ("mu", "gpt_logits", "greedy_ids", "sampled_ids"),
    "CLIP": ("text_embed", "pixel_values_", "image_embed_"),
}


def test_every_published_tensor_is_reproduced(
    shared_file: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from xgem.official.parity import check

    found = list(check(shared_file("reference/golden")))
    with capsys.disabled():
        print()
        for kind, starts in KINDS.items():
            of_kind = [c for c in found if c.name.startswith(starts)]
            assert of_kind, kind
            print(
                f"{kind:<38} {len(of_kind):>3} tensors, largest error "
                f"{max(c.absolute for c in of_kind):.1e}, relative "
                f"{max(c.relative for c in of_kind):.1e}"
            )
    assert len(found) == 99
    assert [str(c) for c in found if not c.passed] == []
