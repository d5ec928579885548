from xgem.denoisers.coupling import CouplingConfig
from xgem.denoisers.environment import EnvironmentConfig
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.report_unet import ReportUNetConfig
from xgem.official.denoiser_keys import coupling_pairs, denoiser_pairs, environment_pairs
from xgem.weights import without_weights

SHAPE = {
    "model_channels": 64, "multipliers": (1, 2), "blocks": (1, 2), "attention": (True, False),
    "heads": 4, "context": 8,
}  # fmt: skip


def test_places_of_an_image_denoiser() -> None:
    with without_weights():
        unet = ImageUNetConfig(**SHAPE).build()
    pairs = dict(denoiser_pairs(unet, True, ".op", ".conv"))
    assert pairs["stem"] == "input_blocks.0.0"
    assert pairs["down.0.residual.time"] == "input_blocks.1.0.0.emb_layers.1"
    assert pairs["down.0.transformer.gate"] == "input_blocks.1.1.transformer_blocks.0.ff.net.0.proj"
    assert pairs["down.1.layer"] == "input_blocks.2.0.op"
    assert pairs["middle_out.skip"] == "middle_block.2.0.skip_connection"
    assert pairs["up.2.up.conv"] == "output_blocks.2.1.conv"  # without a transformer before it
    plain = dict(denoiser_pairs(unet, False, ".op", ".conv"))
    assert plain["down.0.residual.time"] == "input_blocks.1.0.emb_layers.1"


def test_an_upsampling_stands_after_the_transformer_if_there_is_one() -> None:
    with without_weights():
        unet = ReportUNetConfig(**{**SHAPE, "attention": (False, True)}).build()
    assert dict(denoiser_pairs(unet, False, "", ""))["up.2.up"] == "output_blocks.2.2"


def test_places_of_an_environment_encoder() -> None:
    config = EnvironmentConfig(model_channels=64, multipliers=(1, 2), blocks=(2, 1), width=8)
    with without_weights():
        environment = config.build(ImageUNetConfig(**SHAPE))
    pairs = dict(environment_pairs(environment, False, ".op"))
    assert pairs["residuals.0.1.norm_in"] == "connecters_out.2.0.in_layers.0"
    assert pairs["resamples.0"] == "connecters_out.3.0.op"
    assert pairs["residuals.1.0.map_out"] == "connecters_out.4.0.out_layers.3"
    assert (pairs["norm"], pairs["last"]) == ("connecters_out.5.0", "connecters_out.5.2")


def test_places_of_a_coupling() -> None:
    with without_weights():
        coupling = CouplingConfig(width=8).build(ImageUNetConfig(**SHAPE).build())
    pairs = dict(coupling_pairs(coupling))
    assert pairs["layers.down_0.norm"] == "input_block_connecters_in.1.0.norm"
    assert pairs["layers.up_3.proj_in"] == "output_block_connecters_in.3.0.proj_in"
    assert {key.split(".")[1] for key in pairs} == {"down_0", "up_3", "up_4"}
