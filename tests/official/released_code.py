"""The release once more, written from its description alone: plain functions over its own keys.

Nothing here is ours or a library's but torch.nn.functional, so that it can stand in for the
authors' code in configurations of which there are no tensors of theirs. A `Weights` table either
holds given tensors, or draws those that are asked for.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

NAMES = ("frontal", "lateral", "text")


class Weights:
    """Tensors by the release's keys, given or drawn, and which of them were used."""

    def __init__(self, given: dict[str, Tensor] | None = None, seed: int = 0) -> None:
        self.tensors = dict(given or {})
        self.drawing = given is None
        self.rng = torch.Generator().manual_seed(seed)
        self.used: set[str] = set()

    def __call__(self, key: str, *shape: int, kind: str = "matrix") -> Tensor:
        self.used.add(key)
        if self.drawing and key not in self.tensors:
            self.tensors[key] = self._draw(shape, kind).half().float()
        assert tuple(self.tensors[key].shape) == shape, (key, self.tensors[key].shape, shape)
        return self.tensors[key]

    def _draw(self, shape: tuple[int, ...], kind: str) -> Tensor:
        normal = torch.randn(shape, generator=self.rng)
        if kind == "norm":
            return 1 + 0.15 * normal
        if kind == "table":
            return 0.5 * normal
        if len(shape) == 1:
            return 0.1 * normal
        return normal / math.sqrt(math.prod(shape[1:]))

    def linear(self, x: Tensor, key: str, outputs: int, bias: bool = True) -> Tensor:
        weight = self(f"{key}.weight", outputs, x.shape[-1])
        return F.linear(x, weight, self(f"{key}.bias", outputs) if bias else None)

    def conv(self, x: Tensor, key: str, outputs: int, size: int = 3, **how: Any) -> Tensor:
        weight = self(f"{key}.weight", outputs, x.shape[1], size, size)
        how.setdefault("padding", size // 2)
        return F.conv2d(x, weight, self(f"{key}.bias", outputs), **how)

    def groups(self, x: Tensor, key: str, eps: float) -> Tensor:
        channels = x.shape[1]
        weight = self(f"{key}.weight", channels, kind="norm")
        return F.group_norm(x, 32, weight, self(f"{key}.bias", channels), eps)

    def layers(self, x: Tensor, key: str, eps: float = 1e-5) -> Tensor:
        width = x.shape[-1]
        weight = self(f"{key}.weight", width, kind="norm")
        return F.layer_norm(x, (width,), weight, self(f"{key}.bias", width), eps)


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    q, k, v = (x.view(*x.shape[:2], heads, -1).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def time_waves(t: Tensor, channels: int) -> Tensor:
    half = channels // 2
    steps = torch.arange(half, dtype=torch.float32)
    frequencies = torch.exp(-math.log(10000) * steps / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], -1)


class UNet:
    """One denoiser with its environment encoder; ``slots`` is None for an image."""

    def __init__(self, weights: Weights, name: str, settings: dict[str, Any]) -> None:
        self.w, self.c = weights, settings
        self.root = f"model.diffusion_model.unet_{name}"
        self.slots = settings["second_dim"][0] if "second_dim" in settings else None
        self.nested = settings.get("use_video_architecture", False)
        self.probes: dict[str, Tensor] = {}

    def embed(self, t: Tensor) -> Tensor:
        channels = self.c["model_channels"]
        key = f"{self.root}.time_embed"
        hidden = self.w.linear(time_waves(t, channels), f"{key}.0", 4 * channels)
        return self.w.linear(F.silu(hidden), f"{key}.2", 4 * channels)

    def residual(self, x: Tensor, emb: Tensor, key: str, outputs: int) -> Tensor:
        key = f"{key}.0" if self.nested else key
        size = 3
        if self.slots is not None:
            x, outputs, size = x.flatten(1)[:, :, None, None], outputs * self.slots, 1
        h = self.w.conv(
            F.silu(self.w.groups(x, f"{key}.in_layers.0", 1e-5)),
            f"{key}.in_layers.2", outputs, size,
        )  # fmt: skip
        h = h + self.w.linear(F.silu(emb), f"{key}.emb_layers.1", outputs)[:, :, None, None]
        h = self.w.conv(
            F.silu(self.w.groups(h, f"{key}.out_layers.0", 1e-5)),
            f"{key}.out_layers.3", outputs, size,
        )  # fmt: skip
        if x.shape[1] != outputs:
            x = self.w.conv(x, f"{key}.skip_connection", outputs, 1)
        result = x + h
        return result if self.slots is None else result.view(len(x), -1, self.slots, 1)

    def transformer(self, x: Tensor, context: Tensor, key: str) -> Tensor:
        channels, heads = x.shape[1], self.c["num_heads"]
        h = self.w.conv(self.w.groups(x, f"{key}.norm", 1e-6), f"{key}.proj_in", channels, 1)
        h = h.flatten(2).transpose(1, 2)
        block = f"{key}.transformer_blocks.0"

        def attention(tokens: Tensor, others: Tensor, name: str) -> Tensor:
            q, k, v = (
                self.w.linear(source, f"{block}.{name}.to_{letter}", channels, bias=False)
                for source, letter in ((tokens, "q"), (others, "k"), (others, "v"))
            )
            return self.w.linear(attend(q, k, v, heads), f"{block}.{name}.to_out.0", channels)

        normal = self.w.layers(h, f"{block}.norm1")
        h = attention(normal, normal, "attn1") + h
        h = attention(self.w.layers(h, f"{block}.norm2"), context, "attn2") + h
        wide = self.w.linear(
            self.w.layers(h, f"{block}.norm3"), f"{block}.ff.net.0.proj", 8 * channels
        )
        value, gate = wide.chunk(2, -1)
        h = self.w.linear(value * F.gelu(gate), f"{block}.ff.net.2", channels) + h
        h = h.transpose(1, 2).reshape(x.shape)
        return self.w.conv(h, f"{key}.proj_out", channels, 1) + x

    def stem(self, x: Tensor, key: str, channels: int) -> Tensor:
        if self.slots is None:
            return self.w.conv(x, key, channels)
        return self.w.linear(x, key, channels * self.slots).view(len(x), channels, self.slots, 1)

    def flat(self, x: Tensor, key: str) -> Tensor:
        return self.w.linear(x.flatten(1), key, x[0].numel()).view(x.shape)

    def down(self, x: Tensor, key: str) -> Tensor:
        if self.slots is None:
            return self.w.conv(x, f"{key}.op", x.shape[1], stride=2)
        return self.flat(x, key)

    def up(self, x: Tensor, key: str) -> Tensor:
        if self.slots is None:
            larger = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            return self.w.conv(larger, f"{key}.conv", x.shape[1])
        return self.flat(x, key)

    def environment(self, x: Tensor, t: Tensor) -> Tensor:
        emb, key = self.embed(t), f"{self.root}.connecters_out"
        channels, place = self.c["model_channels"], 1
        h = self.stem(x, f"{key}.0.0", channels // 2)
        multipliers = self.c["channel_mult_connector"]
        for level, multiplier in enumerate(multipliers):
            for _ in range(self.c["num_noattn_blocks_connector"][level]):
                h = self.residual(h, emb, f"{key}.{place}.0", channels * multiplier)
                place += 1
            if level < len(multipliers) - 1:
                h = self.down(h, f"{key}.{place}.0")
                place += 1
        h = F.silu(self.w.groups(h, f"{key}.{place}.0", 1e-5))
        width = self.c["connector_output_channel"]
        if self.slots is None:
            vector = self.w.conv(h, f"{key}.{place}.2", width).mean((2, 3))
        else:
            vector = self.w.linear(h.flatten(1), f"{key}.{place}.2", width)
        return (vector / vector.norm(dim=-1, keepdim=True))[:, None]

    def __call__(self, x: Tensor, t: Tensor, context: Tensor, own: Tensor | None = None) -> Tensor:
        c, root = self.c, self.root
        emb = self.embed(t)
        self.probes["time_embed"] = emb

        def connected(h: Tensor, key: str, level: int) -> Tensor:
            if own is None or not c["with_connector"][level]:
                return h
            return self.transformer(h, own, f"{root}.{key}.0")

        h = self.stem(x, f"{root}.input_blocks.0.0", c["model_channels"])
        stack, place = [h], 1
        self.probes["input_blocks.0"] = h
        widths = [c["model_channels"] * multiplier for multiplier in c["channel_mult"]]
        for level, width in enumerate(widths):
            for _ in range(c["num_noattn_blocks"][level]):
                key = f"input_blocks.{place}"
                h = self.residual(h, emb, f"{root}.{key}.0", width)
                if c["with_attn"][level]:
                    h = self.transformer(h, context, f"{root}.{key}.1")
                self.probes[key] = h
                h = connected(h, f"input_block_connecters_in.{place}", level)
                stack.append(h)
                place += 1
            if level < len(widths) - 1:
                h = self.down(h, f"{root}.input_blocks.{place}.0")
                self.probes[f"input_blocks.{place}"] = h
                stack.append(h)
                place += 1
        h = self.residual(h, emb, f"{root}.middle_block.0", widths[-1])
        h = self.transformer(h, context, f"{root}.middle_block.1")
        h = self.residual(h, emb, f"{root}.middle_block.2", widths[-1])
        self.probes["middle_block"] = h
        stack[-1] = h  # the alias
        place = 0
        for level, width in reversed(list(enumerate(widths))):
            count = c["num_noattn_blocks"][level] + 1
            for index in range(count):
                key = f"output_blocks.{place}"
                h = self.residual(torch.cat([h, stack.pop()], 1), emb, f"{root}.{key}.0", width)
                if c["with_attn"][level]:
                    h = self.transformer(h, context, f"{root}.{key}.1")
                if index == count - 1 and level > 0:
                    h = self.up(h, f"{root}.{key}.{2 if c['with_attn'][level] else 1}")
                self.probes[key] = h
                h = connected(h, f"output_block_connecters_in.{place}", level)
                place += 1
        h = F.silu(self.w.groups(h, f"{root}.out.0", 1e-5))
        if self.slots is None:
            return self.w.conv(h, f"{root}.out.2", c["output_channels"])
        return self.w.linear(h.flatten(1), f"{root}.out.2", c["output_channels"])


class ImageVae:
    def __init__(self, weights: Weights, settings: dict[str, Any]) -> None:
        self.w, self.c = weights, settings

    def residual(self, x: Tensor, key: str, outputs: int) -> Tensor:
        h = self.w.conv(self.swish(self.w.groups(x, f"{key}.norm1", 1e-6)), f"{key}.conv1", outputs)
        h = self.w.conv(self.swish(self.w.groups(h, f"{key}.norm2", 1e-6)), f"{key}.conv2", outputs)
        if x.shape[1] != outputs:
            x = self.w.conv(x, f"{key}.nin_shortcut", outputs, 1)
        return x + h

    @staticmethod
    def swish(x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)

    def middle(self, h: Tensor, key: str) -> Tensor:
        channels = h.shape[1]
        h = self.residual(h, f"{key}.block_1", channels)
        normal = self.w.groups(h, f"{key}.attn_1.norm", 1e-6)
        q, k, v = (
            self.w.conv(normal, f"{key}.attn_1.{letter}", channels, 1).flatten(2).transpose(1, 2)
            for letter in "qkv"
        )
        attended = attend(q, k, v, 1).transpose(1, 2).reshape(h.shape)
        h = h + self.w.conv(attended, f"{key}.attn_1.proj_out", channels, 1)
        return self.residual(h, f"{key}.block_2", channels)

    def moments(self, x: Tensor) -> Tensor:
        c, key = self.c, "autokl.encoder"
        h = self.w.conv(x.expand(-1, c["in_channels"], -1, -1), f"{key}.conv_in", c["ch"])
        for level, multiplier in enumerate(c["ch_mult"]):
            for layer in range(c["num_res_blocks"]):
                h = self.residual(h, f"{key}.down.{level}.block.{layer}", c["ch"] * multiplier)
            if level < len(c["ch_mult"]) - 1:
                place = f"{key}.down.{level}.downsample.conv"
                padded = F.pad(h, (0, 1, 0, 1))
                h = self.w.conv(padded, place, h.shape[1], stride=2, padding=0)
        h = self.swish(self.w.groups(self.middle(h, f"{key}.mid"), f"{key}.norm_out", 1e-6))
        h = self.w.conv(h, f"{key}.conv_out", 2 * c["z_channels"])
        return self.w.conv(h, "autokl.quant_conv", 2 * c["z_channels"], 1)

    def decode(self, z: Tensor) -> Tensor:
        c, key = self.c, "autokl.decoder"
        h = self.w.conv(z, "autokl.post_quant_conv", c["z_channels"], 1)
        h = self.w.conv(h, f"{key}.conv_in", c["ch"] * c["ch_mult"][-1])
        h = self.middle(h, f"{key}.mid")
        for level, multiplier in reversed(list(enumerate(c["ch_mult"]))):
            for layer in range(c["num_res_blocks"] + 1):
                h = self.residual(h, f"{key}.up.{level}.block.{layer}", c["ch"] * multiplier)
            if level > 0:
                larger = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
                h = self.w.conv(larger, f"{key}.up.{level}.upsample.conv", h.shape[1])
        h = self.swish(self.w.groups(h, f"{key}.norm_out", 1e-6))
        return self.w.conv(h, f"{key}.conv_out", c["out_ch"])


class Optimus:
    def __init__(self, weights: Weights, bert: dict[str, int], gpt: dict[str, int]) -> None:
        self.w, self.bert, self.gpt = weights, bert, gpt

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sequence, pooled, mean and log variance."""
        c, key, width = self.bert, "optimus.encoder", self.bert["hidden_size"]
        table = f"{key}.embeddings"
        words = self.w(f"{table}.word_embeddings.weight", c["vocab_size"], width, kind="table")
        places = self.w(
            f"{table}.position_embeddings.weight", c["max_position_embeddings"], width, kind="table"
        )
        types = self.w(f"{table}.token_type_embeddings.weight", 2, width, kind="table")
        h = words[ids] + places[: ids.shape[1]] + types[0]
        h = self.w.layers(h, f"{table}.LayerNorm", 1e-12)
        mask = -1e4 * (ids == 0).float()[:, None, None]
        for layer in range(c["num_hidden_layers"]):
            place = f"{key}.encoder.layer.{layer}"
            q, k, v = (
                self.w.linear(h, f"{place}.attention.self.{name}", width)
                for name in ("query", "key", "value")
            )
            attended = attend(q, k, v, c["num_attention_heads"], mask)
            attended = self.w.linear(attended, f"{place}.attention.output.dense", width)
            h = self.w.layers(h + attended, f"{place}.attention.output.LayerNorm", 1e-12)
            wide = self.w.linear(h, f"{place}.intermediate.dense", c["intermediate_size"])
            narrow = self.w.linear(F.gelu(wide), f"{place}.output.dense", width)
            h = self.w.layers(h + narrow, f"{place}.output.LayerNorm", 1e-12)
        pooled = self.w.linear(h[:, 0], f"{key}.pooler.dense", width).tanh()
        posterior = self.w.linear(pooled, f"{key}.linear", 2 * self.gpt["latent_size"], bias=False)
        return h, pooled, *posterior.chunk(2, -1)

    def logits(self, ids: Tensor, z: Tensor) -> Tensor:
        c, key, width = self.gpt, "optimus.decoder.transformer", self.gpt["n_embd"]
        table = self.w(f"{key}.wte.weight", c["vocab_size"], width, kind="table")
        places = self.w(f"{key}.wpe.weight", c["n_positions"], width, kind="table")
        memory = self.w.linear(z, f"{key}.linear", c["n_layer"] * width, bias=False)
        added = self.w.linear(z, f"{key}.linear_emb", width, bias=False)
        length = ids.shape[1]
        h = table[ids] + places[1 : length + 1] + added[:, None]
        seen = torch.ones(length, length).tril()
        mask = torch.cat([torch.ones(length, 1), seen], 1)
        for layer, slot in enumerate(memory.chunk(c["n_layer"], -1)):
            place = f"{key}.h.{layer}"

            def mapped(x: Tensor, name: str, outputs: int, place: str = place) -> Tensor:
                weight = self.w(f"{place}.{name}.weight", x.shape[-1], outputs)
                return x @ weight + self.w(f"{place}.{name}.bias", outputs)

            normal = self.w.layers(h, f"{place}.ln_1")
            q, k, v = mapped(normal, "attn.c_attn", 3 * width).chunk(3, -1)
            k, v = (torch.cat([slot[:, None], x], 1) for x in (k, v))
            hidden = -1e4 * (1 - mask)
            h = h + mapped(attend(q, k, v, c["n_head"], hidden), "attn.c_proj", width)
            wide = mapped(self.w.layers(h, f"{place}.ln_2"), "mlp.c_fc", 4 * width)
            h = h + mapped(F.gelu(wide, approximate="tanh"), "mlp.c_proj", width)
        return self.w.layers(h, f"{key}.ln_f") @ table.T

    def sample(self, z: Tensor, seed: int, longest: int) -> Tensor:
        size = self.gpt["vocab_size"]
        rng = torch.Generator().manual_seed(seed)
        ids = torch.tensor([size - 2])
        while True:
            logits = self.logits(ids[None], z)[0, -1]
            ordered, order = logits.sort(descending=True)
            remove = ordered.softmax(-1).cumsum(-1) > 1.0
            remove[1:] = remove[:-1].clone()
            remove[0] = False
            logits[order[remove]] = -math.inf
            ids = torch.cat([ids, torch.multinomial(logits.softmax(-1), 1, generator=rng)])
            if ids[-1] == size - 1:
                return ids
            if len(ids) >= longest:
                ids[-1] = size - 1
                return ids


class Clip:
    def __init__(self, weights: Weights, settings: dict[str, Any]) -> None:
        self.w, self.text, self.vision = weights, settings["text"], settings["vision"]

    def tower(self, h: Tensor, key: str, c: dict[str, int], mask: Tensor | None) -> Tensor:
        width = c["hidden_size"]
        for layer in range(c["num_hidden_layers"]):
            place = f"{key}.encoder.layers.{layer}"
            normal = self.w.layers(h, f"{place}.layer_norm1")
            q, k, v = (
                self.w.linear(normal, f"{place}.self_attn.{name}_proj", width) for name in "qkv"
            )
            attended = attend(q, k, v, c["num_attention_heads"], mask)
            h = h + self.w.linear(attended, f"{place}.self_attn.out_proj", width)
            wide = self.w.linear(
                self.w.layers(h, f"{place}.layer_norm2"), f"{place}.mlp.fc1", c["intermediate_size"]
            )
            h = h + self.w.linear(wide * torch.sigmoid(1.702 * wide), f"{place}.mlp.fc2", width)
        return h

    def encode_text(self, ids: Tensor) -> Tensor:
        c, key, width = self.text, "clip.model.text_model", self.text["hidden_size"]
        words = self.w(
            f"{key}.embeddings.token_embedding.weight", c["vocab_size"], width, kind="table"
        )
        places = self.w(
            f"{key}.embeddings.position_embedding.weight",
            c["max_position_embeddings"], width, kind="table",
        )  # fmt: skip
        length = ids.shape[1]
        causal = torch.full((length, length), -math.inf).triu(1)
        h = self.tower(words[ids] + places[:length], key, c, causal)
        h = self.w.layers(h, f"{key}.final_layer_norm")
        pooled = h[torch.arange(len(ids)), ids.argmax(-1)]
        vector = self.w.linear(
            pooled, "clip.model.text_projection", c["projection_dim"], bias=False
        )
        return (vector / vector.norm(dim=-1, keepdim=True))[:, None]

    @staticmethod
    def pixels(images: Tensor) -> Tensor:
        mean = np.array([0.48145466, 0.4578275, 0.40821073])
        std = np.array([0.26862954, 0.26130258, 0.27577711])
        made = []
        for image in images[:, 0].numpy():
            eight_bit = (image * 255).astype(np.int64).astype(np.uint8)
            height, width = image.shape
            short = min(height, width)
            size = (int(224 * width / short), int(224 * height / short))
            rgb = Image.fromarray(eight_bit).convert("RGB").resize(size, Image.Resampling.BICUBIC)
            left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
            cut = np.asarray(rgb.crop((left, top, left + 224, top + 224)))
            made.append(((cut / 255 - mean) / std).transpose(2, 0, 1))
        return torch.from_numpy(np.stack(made)).float()

    def encode_image(self, images: Tensor) -> Tensor:
        c, key, width = self.vision, "clip.model.vision_model", self.vision["hidden_size"]
        size = c["patch_size"]
        kernel = self.w(f"{key}.embeddings.patch_embedding.weight", width, 3, size, size)
        patches = F.conv2d(self.pixels(images), kernel, stride=size).flatten(2).transpose(1, 2)
        first = self.w(f"{key}.embeddings.class_embedding", width).expand(len(images), 1, -1)
        h = torch.cat([first, patches], 1)
        h = h + self.w(
            f"{key}.embeddings.position_embedding.weight", h.shape[1], width, kind="table"
        )
        h = self.tower(self.w.layers(h, f"{key}.pre_layrnorm"), key, c, None)
        h = self.w.layers(h[:, 0], f"{key}.post_layernorm")
        vector = self.w.linear(h, "clip.model.visual_projection", c["projection_dim"], bias=False)
        return (vector / vector.norm(dim=-1, keepdim=True))[:, None]


class Schedule:
    def __init__(self) -> None:
        betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=np.float64) ** 2
        levels = np.cumprod(1 - betas)
        before = np.append(1.0, levels[:-1])
        variance = betas * (1 - before) / (1 - levels)
        self.buffers = {
            "betas": betas,
            "alphas_cumprod": levels,
            "alphas_cumprod_prev": before,
            "sqrt_alphas_cumprod": np.sqrt(levels),
            "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - levels),
            "log_one_minus_alphas_cumprod": np.log(1 - levels),
            "sqrt_recip_alphas_cumprod": np.sqrt(1 / levels),
            "sqrt_recipm1_alphas_cumprod": np.sqrt(1 / levels - 1),
            "posterior_variance": variance,
            "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
            "posterior_mean_coef1": betas * np.sqrt(before) / (1 - levels),
            "posterior_mean_coef2": (1 - before) * np.sqrt(1 - betas) / (1 - levels),
        }
        self.levels = levels

    def noised(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        level = torch.from_numpy(self.levels[t]).float().view(-1, *[1] * (clean.ndim - 1))
        return level.sqrt() * clean + (1 - level).sqrt() * noise


def squared_error(predicted: Tensor, noise: Tensor) -> Tensor:
    return ((predicted - noise) ** 2).mean()


def contrast(a: Tensor, b: Tensor) -> Tensor:
    logits = a[:, 0] @ b[:, 0].T
    return -logits.log_softmax(-1).diagonal().mean()


def in_order(names: Iterable[str]) -> list[str]:
    wanted = set(names)
    return [name for name in NAMES if name in wanted]
