"""Image and report autoencoders against the release's."""

import re
from collections.abc import Iterator
from dataclasses import replace

import torch

from xgem.latents.image_vae import ImageVae
from xgem.latents.report_vae import ReportVae
from xgem.latents.report_writing import close, drawn
from xgem.model import Model
from xgem.official.comparison import Computed, Reader
from xgem.official.losses import report_loss

_GREEDY = re.compile(r"greedy_ids_bos_then_(\d+)")
_SAMPLED = re.compile(r"sampled_ids_seed(\d+)_maxlen(\d+)")


@torch.inference_mode()
def image_vae_values(model: Model, io: Reader) -> Iterator[tuple[str, Computed]]:
    """Compute what ``io_vae`` holds of outputs; images there are in [-1, 1]."""
    vae = model.components["image_vae"]
    assert isinstance(vae, ImageVae)
    gray = io["image_1ch_in_pm1"]
    posterior = vae.net.encode(gray.expand(-1, vae.config.channels, -1, -1)).latent_dist
    yield "moments", Computed(posterior.parameters)
    yield "std", Computed(posterior.std)
    mean, logvar = vae.encode((gray + 1) / 2)
    yield "mean", Computed(mean)
    yield "logvar_clamped", Computed(logvar)
    yield "mean_3ch", Computed(vae.net.encode(io["image_3ch"]).latent_dist.mean)
    decoded = vae.net.decode(io["z_for_decode_unscaled"]).sample
    yield "decoded", Computed(decoded)
    yield "decoded_clamped01", Computed(((decoded + 1) / 2).clamp(0, 1))


@torch.inference_mode()
def report_vae_values(model: Model, io: Reader) -> Iterator[tuple[str, Computed]]:
    """Compute what ``io_optimus`` holds of outputs."""
    vae = model.components["report_vae"]
    assert isinstance(vae, ReportVae)
    ids, latent = io["bert_ids_pad0"], io["latent_unscaled"]
    encoded = vae.encoder(input_ids=ids, attention_mask=(ids > 0).long())
    yield "bert_seq", Computed(encoded.last_hidden_state)
    yield "bert_pooled", Computed(encoded.pooler_output)
    mean, logvar = vae.encode(ids)
    yield "mu", Computed(mean)
    yield "logvar", Computed(logvar)
    yield "optimus_encode_out", Computed(vae.to_latent(ids))

    logits = vae.score(io["gpt_ids"], latent)
    yield "gpt_logits", Computed(logits)
    yield (
        "gpt_rec_loss_sum_per_row",
        Computed(report_loss(logits, io["gpt_labels"], vae.marks.pad)),
    )
    for name in io:
        if found := _GREEDY.fullmatch(name):
            endless = replace(vae.marks, eos=-1)
            written = vae.write(latent, longest=1 + int(found[1]), marks=endless)
            yield name, Computed(written, "equal")
        if found := _SAMPLED.fullmatch(name):
            seed, longest = map(int, found.groups())
            choose = drawn([torch.Generator().manual_seed(seed)], vae.config.top_p_cut)
            written = vae.write(latent[:1], choose, longest)
            yield name, Computed(close(written, vae.marks, longest)[0], "equal")
