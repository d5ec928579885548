from xgem.latents.image_vae import ImageVaeConfig
from xgem.official.autoencoder_keys import (
    image_prompt_pairs,
    image_vae_pairs,
    report_prompt_pairs,
    report_vae_pairs,
)


def test_the_release_counts_the_way_up_from_its_end() -> None:
    pairs = dict(image_vae_pairs(ImageVaeConfig(block_channels=(32, 64, 64), layers_per_block=1)))
    up = "net.decoder.up_blocks"
    assert pairs[f"{up}.0.resnets.1.conv1"] == "autokl.decoder.up.2.block.1.conv1"
    assert pairs[f"{up}.0.upsamplers.0.conv"] == "autokl.decoder.up.2.upsample.conv"
    down = "net.encoder.down_blocks.1.resnets.0"
    assert pairs[f"{down}.conv_shortcut"] == "autokl.encoder.down.1.block.0.nin_shortcut"
    middle = "net.encoder.mid_block.attentions.0"
    assert pairs[f"{middle}.to_out.0"] == "autokl.encoder.mid.attn_1.proj_out"


def test_towers_and_optimus_keep_the_names_of_transformers() -> None:
    assert dict(report_prompt_pairs())["tower.text_model"] == "clip.model.text_model"
    assert dict(image_prompt_pairs())["tower.visual_projection"] == "clip.model.visual_projection"
    assert dict(report_vae_pairs())["to_posterior"] == "optimus.encoder.linear"
