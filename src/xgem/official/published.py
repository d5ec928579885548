"""The settings of the one published model, MedCoDi-M, in the release's terms."""

from xgem.official.configuration import (
    BertSettings,
    ClipSettings,
    ClipTextSettings,
    ClipVisionSettings,
    GptSettings,
    ReleasedSettings,
    UNetSettings,
    VaeSettings,
)

_FRONTAL = UNetSettings(
    input_channels=4,
    output_channels=4,
    model_channels=320,
    num_noattn_blocks=(2, 2, 2, 2),
    channel_mult=(1, 2, 4, 4),
    with_attn=(True, True, True, False),
    channel_mult_connector=(1, 2, 4),
    num_noattn_blocks_connector=(1, 1, 1),
    with_connector=(True, True, True, False),
    connector_output_channel=1280,
    num_heads=8,
    context_dim=768,
    use_video_architecture=True,
)

PUBLISHED = ReleasedSettings(
    unet2d=_FRONTAL,
    text=_FRONTAL.model_copy(
        update={
            "input_channels": 768,
            "output_channels": 768,
            "second_dim": (4, 4, 4, 4),
            "second_dim_connector": (4, 4, 4),
            "use_video_architecture": False,
        }
    ),
    ctx=768,
    vae=VaeSettings(
        z_channels=4,
        in_channels=3,
        out_ch=3,
        ch=128,
        ch_mult=(1, 2, 4, 4),
        num_res_blocks=2,
        use_video_arch=True,
    ),
    vae_embed=4,
    img=(256, 256),
    bert=BertSettings(
        hidden_size=768,
        intermediate_size=3072,
        num_attention_heads=12,
        num_hidden_layers=12,
        vocab_size=28996,
        max_position_embeddings=512,
    ),
    gpt=GptSettings(
        n_embd=768, n_head=12, n_layer=12, vocab_size=50260, n_positions=1024, latent_size=768
    ),
    lat=768,
    clip=ClipSettings(
        text=ClipTextSettings(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            vocab_size=49408,
            max_position_embeddings=77,
            projection_dim=768,
        ),
        vision=ClipVisionSettings(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=224,
            patch_size=14,
            projection_dim=768,
        ),
    ),
)
"""Source: OFFICIAL release, section A; its list of keys has these shapes."""
