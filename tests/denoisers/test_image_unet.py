import torch

from xgem.denoisers.image_unet import ImageUNetConfig


def library_twin(config: ImageUNetConfig):
    """diffusers' own network of the same shape."""
    from diffusers.models import UNet2DConditionModel

    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.attention]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(config.attention)]
    return UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        block_out_channels=config.widths,
        layers_per_block=list(config.blocks),
        attention_head_dim=config.heads,
        cross_attention_dim=config.context,
        norm_num_groups=config.groups,
        flip_sin_to_cos=True,
        freq_shift=0,
    ).eval()


def copy_from_library(ours, theirs) -> None:
    """Pair parameters in the order of the forward pass, which is the order of both networks."""
    source = theirs.state_dict()

    def residual(block, name: str) -> dict[str, torch.Tensor]:
        pairs = {
            "norm_in": "norm1", "map_in": "conv1", "time": "time_emb_proj",
            "norm_out": "norm2", "map_out": "conv2", "skip": "conv_shortcut",
        }  # fmt: skip
        return renamed(block, name, pairs)

    def transformer(block, name: str) -> dict[str, torch.Tensor]:
        inner = "transformer_blocks.0."
        pairs = {
            "norm": "norm", "proj_in": "proj_in", "proj_out": "proj_out",
            "norm1": inner + "norm1", "norm2": inner + "norm2", "norm3": inner + "norm3",
            "self_attention.to_out": inner + "attn1.to_out.0",
            "cross_attention.to_out": inner + "attn2.to_out.0",
            "self_attention": inner + "attn1", "cross_attention": inner + "attn2",
            "gate": inner + "ff.net.0.proj", "feed_forward": inner + "ff.net.2",
        }  # fmt: skip
        return renamed(block, name, pairs)

    def renamed(block, name: str, pairs: dict[str, str]) -> dict[str, torch.Tensor]:
        state = {}
        for key in block.state_dict():
            part = max((p for p in pairs if key.startswith(p + ".")), key=len)
            state[key] = source[f"{name}.{pairs[part]}{key[len(part) :]}"]
        return state

    def load(block, state: dict[str, torch.Tensor]) -> None:
        block.load_state_dict(state, strict=True)

    def plain(module, name: str) -> None:
        module.load_state_dict(
            {key: source[f"{name}.{key}"] for key in module.state_dict()}, strict=True
        )

    plain(ours.stem, "conv_in")
    plain(ours.norm, "conv_norm_out")
    plain(ours.last, "conv_out")
    plain(ours.time.layers[0], "time_embedding.linear_1")
    plain(ours.time.layers[2], "time_embedding.linear_2")
    load(ours.middle_in, residual(ours.middle_in, "mid_block.resnets.0"))
    load(ours.middle, transformer(ours.middle, "mid_block.attentions.0"))
    load(ours.middle_out, residual(ours.middle_out, "mid_block.resnets.1"))
    places = iter(ours.down)
    for level, count in enumerate(ours.config.blocks):
        for index in range(count):
            block, name = next(places), f"down_blocks.{level}"
            load(block.residual, residual(block.residual, f"{name}.resnets.{index}"))
            if block.transformer is not None:
                state = transformer(block.transformer, f"{name}.attentions.{index}")
                load(block.transformer, state)
        if level < len(ours.config.blocks) - 1:
            plain(next(places).layer, f"down_blocks.{level}.downsamplers.0.conv")
    places = iter(ours.up)
    for level, count in enumerate(reversed(ours.config.blocks)):
        for index in range(count + 1):
            block, name = next(places), f"up_blocks.{level}"
            load(block.residual, residual(block.residual, f"{name}.resnets.{index}"))
            if block.transformer is not None:
                state = transformer(block.transformer, f"{name}.attentions.{index}")
                load(block.transformer, state)
            if block.up is not None:
                plain(block.up, f"{name}.upsamplers.0")


def test_it_equals_the_network_of_diffusers() -> None:
    torch.manual_seed(0)
    config = ImageUNetConfig(
        model_channels=32, multipliers=(1, 2, 2), blocks=(2, 1, 1),
        attention=(True, True, False), heads=4, context=24,
    )  # fmt: skip
    theirs, ours = library_twin(config), config.build().eval()
    copy_from_library(ours, theirs)
    latent, timestep = torch.randn(2, 4, 16, 24), torch.tensor([7.0, 981.0])
    context = torch.randn(2, 1, 24)
    with torch.no_grad():
        expected = theirs(latent, timestep, context).sample
        torch.testing.assert_close(ours(latent, timestep, context), expected, atol=2e-5, rtol=0)


def test_the_published_shape_has_the_published_parameters() -> None:
    with torch.device("meta"):
        unet = ImageUNetConfig().build()
    assert sum(p.numel() for p in unet.parameters()) == 859_520_964


def test_a_patch_gives_the_latent_its_shape_back() -> None:
    config = ImageUNetConfig(
        patch=2, model_channels=16, multipliers=(1, 2), blocks=(1, 1),
        attention=(False, True), heads=2, context=8, groups=4, prompt_in_time=True,
    )  # fmt: skip
    unet = config.build()
    latent = torch.randn(1, 4, 16, 16)
    assert unet(latent, torch.tensor([3.0]), torch.randn(1, 1, 8)).shape == latent.shape
