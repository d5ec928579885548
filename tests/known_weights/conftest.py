"""Folders as diffusers and transformers save them, of small networks with random weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.latents.image_vae import ImageVaeConfig
from xgem.latents.report_vae import ReportVaeConfig
from xgem.model import ModelConfig
from xgem.prompts.image_encoder import ClipImageEncoderConfig
from xgem.prompts.report_encoder import ReportEncoderConfig

WIDTH = 16
TOKENS = 300


@pytest.fixture(scope="session")
def config(small_config: ModelConfig) -> ModelConfig:
    """The published architecture at small widths."""
    unet = ImageUNetConfig(
        model_channels=32, multipliers=(1, 2), blocks=(2, 1), attention=(True, False),
        heads=4, context=WIDTH, groups=4,
    )  # fmt: skip
    return replace(
        small_config,
        prompt_width=WIDTH,
        prompt_encoders={
            "image_prompt": ClipImageEncoderConfig(
                image_size=32, hidden=32, feed_forward=64, layers=2, heads=4, patch=56, width=WIDTH
            ),
            "report_prompt": ReportEncoderConfig(
                vocabulary_size=TOKENS, positions=20, hidden=32, feed_forward=64, layers=2,
                heads=4, width=WIDTH,
            ),
        },
        autoencoders={
            "image_vae": ImageVaeConfig(
                image_size=32, block_channels=(32, 64), layers_per_block=1, latent_channels=4
            ),
            "report_vae": ReportVaeConfig(
                encoder_vocabulary_size=TOKENS, decoder_vocabulary_size=TOKENS + 3, positions=20,
                decoder_positions=24, longest=12, width=32, feed_forward=64, encoder_layers=2,
                decoder_layers=2, heads=4, latent=8,
            ),
        },
        modalities=tuple(
            replace(m, denoiser=unet)
            if isinstance(m.denoiser, ImageUNetConfig)
            else replace(m, denoiser=replace(m.denoiser, context=WIDTH))
            for m in small_config.modalities
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def library(config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a network: vae, unet, clip, clip_text, clip_vision, bert, gpt2."""
    root = tmp_path_factory.mktemp("library")
    torch.manual_seed(1)
    for name, network in networks_of(config).items():
        network().save_pretrained(root / name)
    write_tokenizers(root)
    return root


@pytest.fixture(scope="session")
def networks() -> Callable[[ModelConfig], dict[str, Callable[[], torch.nn.Module]]]:
    """The libraries' networks that have the sizes of a configuration."""
    return networks_of


def networks_of(config: ModelConfig) -> dict[str, Callable[[], torch.nn.Module]]:
    """The libraries' networks that have the sizes of a configuration."""
    from diffusers.models import AutoencoderKL, UNet2DConditionModel
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        CLIPConfig,
        CLIPModel,
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
        GPT2Config,
        GPT2LMHeadModel,
    )  # fmt: skip

    unet = config.modalities[0].denoiser
    vae, reports = config.autoencoders["image_vae"], config.autoencoders["report_vae"]
    sees, reads = config.prompt_encoders["image_prompt"], config.prompt_encoders["report_prompt"]
    assert isinstance(unet, ImageUNetConfig)
    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in unet.attention]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(unet.attention)]
    levels = len(vae.block_channels)
    text = {
        "vocab_size": reads.vocabulary_size, "hidden_size": reads.hidden,
        "intermediate_size": reads.feed_forward, "num_hidden_layers": reads.layers,
        "num_attention_heads": reads.heads, "max_position_embeddings": reads.positions,
        "projection_dim": reads.width, "bos_token_id": 0, "eos_token_id": 1,
    }  # fmt: skip
    vision = {
        "hidden_size": sees.hidden, "intermediate_size": sees.feed_forward,
        "num_hidden_layers": sees.layers, "num_attention_heads": sees.heads,
        "image_size": 224, "patch_size": sees.patch, "projection_dim": sees.width,
    }  # fmt: skip
    both = {"text_config": text, "vision_config": vision, "projection_dim": reads.width}
    return {
        "unet": lambda: UNet2DConditionModel(
            in_channels=4, out_channels=4, down_block_types=tuple(down), up_block_types=tuple(up),
            block_out_channels=unet.widths, layers_per_block=list(unet.blocks),
            attention_head_dim=unet.heads, cross_attention_dim=unet.context,
            norm_num_groups=unet.groups,
        ),
        "vae": lambda: AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=vae.block_channels, layers_per_block=vae.layers_per_block,
            latent_channels=vae.latent_channels,
        ),
        "clip": lambda: CLIPModel(CLIPConfig(**both)),
        "clip_text": lambda: CLIPTextModelWithProjection(CLIPTextConfig(**text)),
        "clip_vision": lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**vision)),
        "bert": lambda: BertForMaskedLM(
            BertConfig(
                vocab_size=reports.encoder_vocabulary_size, hidden_size=reports.width,
                intermediate_size=reports.feed_forward, num_hidden_layers=reports.encoder_layers,
                num_attention_heads=reports.heads, max_position_embeddings=reports.positions,
            )
        ),
        "gpt2": lambda: GPT2LMHeadModel(
            GPT2Config(
                vocab_size=reports.decoder_vocabulary_size - 3, n_embd=reports.width,
                n_inner=reports.feed_forward, n_layer=reports.decoder_layers,
                n_head=reports.heads, n_positions=reports.decoder_positions,
                bos_token_id=0, eos_token_id=0,
            )
        ),
    }  # fmt: skip


def write_tokenizers(root: Path) -> None:
    """Put a vocabulary with the marks of each family beside its network."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    marks = {
        "clip": ["<|startoftext|>", "<|endoftext|>"],
        "clip_text": ["<|startoftext|>", "<|endoftext|>"],
        "bert": ["[PAD]", "[CLS]", "[SEP]"],
        "gpt2": ["<|endoftext|>"],
    }
    for name, special in marks.items():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=TOKENS, special_tokens=special, show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )  # fmt: skip
        words = " ".join(f"effusion{i} nodule{i} edema left right" for i in range(60))
        tokenizer.train_from_iterator([words] * 3, trainer)
        assert tokenizer.get_vocab_size() == TOKENS
        PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(root / name)
