"""Prompt encoders against the release's, from token ids and from images."""

from collections.abc import Iterator

import torch

from xgem.model import Model
from xgem.official.comparison import Computed, Reader
from xgem.prompts.image_encoder import ClipImageEncoder


@torch.inference_mode()
def prompt_values(model: Model, io: Reader) -> Iterator[tuple[str, Computed]]:
    """Compute what ``io_clip`` holds of outputs; images there are in [0, 1], but for the wrapping.

    ``image01_256`` or ``image_outside01`` gives ``pixel_values_256`` and ``image_embed_256``, and
    so on.
    """
    text, image = model.components["report_prompt"], model.components["image_prompt"]
    assert isinstance(image, ClipImageEncoder)
    yield "text_embed", Computed(text(io["text_ids"])[:, None])
    for name in list(io):
        if name.startswith(("image01_", "image_")) and not name.startswith("image_embed_"):
            label = name.removeprefix("image01_").removeprefix("image_")
            yield f"pixel_values_{label}", Computed(image.pixels(io[name]))
            yield f"image_embed_{label}", Computed(image(io[name])[:, None])
    black = torch.from_numpy(image.empty)[None, None]
    yield "pixel_values_zero", Computed(image.pixels(black))
    yield "zero_image_embed", Computed(image(black)[:, None])
