"""A folder of reference tensors in the format of ``golden/``, computed by `released_code`."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from released_code import (  # in this folder, which conftest puts on the path
    NAMES,
    Clip,
    ImageVae,
    Optimus,
    Schedule,
    UNet,
    Weights,
    contrast,
    in_order,
    squared_error,
    time_waves,
)
from safetensors.torch import save_file
from torch import Tensor

Files = dict[str, dict[str, Tensor]]
JOINTS = ("frontal+lateral", "text+frontal", "text+lateral", "frontal+lateral+text")
LOSSES = ("frontal+lateral", "text+frontal")
TAGS = ("frontal_eta0", "text_eta0", "joint_text_frontal_eta0", "frontal_eta1")
GUIDANCE = 7.5
STEPS = 3
"""They do not divide 1000: four timesteps are visited."""


def settings_of(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "frontal": config["unet2d"],
        "lateral": {**config["unet2d"], **config["lateral_over"]},
        "text": config["text"],
    }


@torch.inference_mode()
def computed(weights: Weights, config: dict[str, Any], given: Files) -> Files:
    """All outputs for the inputs in ``given``."""
    unets = {name: UNet(weights, name, c) for name, c in settings_of(config).items()}
    schedule = Schedule()
    io = given["io_unet"]
    x = {name: io[f"x_{name}"] for name in NAMES}
    t, first, second = io["t"], io["context1"], io["context2"]
    unet_out: dict[str, Tensor] = {}
    probes: dict[str, Tensor] = {}
    for name, unet in unets.items():
        unet_out[f"single.{name}.out"] = unet(x[name], t, first)
        if name == "frontal":
            probes = {f"probe.frontal.{key}": value for key, value in unet.probes.items()}
    probes["probe.timestep_embedding"] = time_waves(t, config["unet2d"]["model_channels"])
    unet_out["mix.frontal.out"] = unets["frontal"](x["frontal"], t, (first + 3 * second) / 4)
    for text in JOINTS:
        for name in text.split("+"):
            own = unets[name].environment(x[name], t)
            unet_out[f"joint.{text}.{name}.h_con"] = own
            unet_out[f"joint.{text}.{name}.out"] = unets[name](x[name], t, first, own)
    for text in LOSSES:
        terms, owns = [], []
        for name in text.split("+"):
            noise = io[f"loss.{text}.noise_{name}"]
            noisy = schedule.noised(0.7 * x[name], t, noise)
            owns.append(unets[name].environment(noisy, t))
            terms.append(squared_error(unets[name](noisy, t, first, owns[-1]), noise))
        loss = (terms[0] + terms[1] + 2 * contrast(*owns)) / 2
        unet_out[f"loss.{text}.value"] = loss[None]
    unet_out["q_sample.frontal"] = schedule.noised(x["frontal"], t, x["lateral"])
    return {
        "schedule": {k: torch.from_numpy(v).float() for k, v in schedule.buffers.items()},
        "io_unet": unet_out,
        "probes_unet": probes,
        "ddim": trajectories(unets, schedule, given["ddim"]),
        "io_vae": image_vae_outputs(ImageVae(weights, config["vae"]), given["io_vae"]),
        "io_optimus": report_outputs(
            Optimus(weights, config["bert"], config["gpt"]), given["io_optimus"]
        ),
        "io_clip": prompt_outputs(Clip(weights, config["clip"]), given["io_clip"]),
    }


def trajectories(
    unets: dict[str, UNet], schedule: Schedule, given: dict[str, Tensor]
) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    visited = list(range(0, 1000, 1000 // STEPS))
    for tag in TAGS:
        eta = float(tag[-1])
        names = in_order(n for n in NAMES if f"{tag}.xT_{n}" in given)
        latents = {n: given[f"{tag}.xT_{n}"] for n in names}
        context = given[f"{tag}.context_uncond_then_cond"]
        now = schedule.levels[visited]
        after = [schedule.levels[0], *now[:-1]]
        sigmas = [
            eta * math.sqrt((1 - b) / (1 - a) * (1 - a / b))
            for a, b in zip(now, after, strict=True)
        ]
        path: dict[str, list[Tensor]] = {n: [] for n in names}
        for place, index in enumerate(reversed(range(len(visited)))):
            a, b, sigma = now[index], after[index], sigmas[index]
            doubled = {n: torch.cat([latents[n]] * 2) for n in names}
            t = torch.full((len(context),), visited[index])
            for n in names:
                own = unets[n].environment(doubled[n], t) if len(names) > 1 else None
                without, with_prompt = unets[n](doubled[n], t, context, own).chunk(2)
                noise = without + GUIDANCE * (with_prompt - without)
                clean = (latents[n] - math.sqrt(1 - a) * noise) / math.sqrt(a)
                latents[n] = math.sqrt(b) * clean + math.sqrt(1 - b - sigma**2) * noise
                if eta:
                    latents[n] = latents[n] + sigma * given[f"{tag}.noise_{n}"][place]
                path[n].append(latents[n])
        for n in names:
            made[f"{tag}.traj_{n}"] = torch.stack(path[n])
            made[f"{tag}.final_{n}"] = path[n][-1]
        made[f"{tag}.timesteps"] = torch.tensor(visited[::-1])
        made[f"{tag}.ddim_alphas"] = torch.tensor(now).float()
        made[f"{tag}.ddim_alphas_prev"] = torch.tensor(after).float()
        made[f"{tag}.ddim_sigmas"] = torch.tensor(sigmas).float()
    return made


def image_vae_outputs(vae: ImageVae, given: dict[str, Tensor]) -> dict[str, Tensor]:
    moments = vae.moments(given["image_1ch_in_pm1"])
    mean, logvar = moments.chunk(2, 1)
    decoded = vae.decode(given["z_for_decode_unscaled"])
    return {
        "moments": moments,
        "mean": mean,
        "logvar_clamped": logvar.clamp(-30, 20),
        "std": (0.5 * logvar.clamp(-30, 20)).exp(),
        "mean_3ch": vae.moments(given["image_3ch"]).chunk(2, 1)[0],
        "decoded": decoded,
        "decoded_clamped01": ((decoded + 1) / 2).clamp(0, 1),
    }


def report_outputs(optimus: Optimus, given: dict[str, Tensor]) -> dict[str, Tensor]:
    latent, size = given["latent_unscaled"], optimus.gpt["vocab_size"]
    sequence, pooled, mean, logvar = optimus.encode(given["bert_ids_pad0"])
    logits = optimus.logits(given["gpt_ids"], latent)
    labels = given["gpt_labels"][:, 1:]
    surprise = -logits[:, :-1].log_softmax(-1).gather(2, labels[..., None])[..., 0]
    greedy = torch.full((len(latent), 1), size - 2)
    for _ in range(20):
        following = optimus.logits(greedy, latent)[:, -1].argmax(-1)
        greedy = torch.cat([greedy, following[:, None]], 1)
    return {
        "bert_seq": sequence,
        "bert_pooled": pooled,
        "mu": mean,
        "logvar": logvar,
        "optimus_encode_out": mean * 4.3108,
        "gpt_logits": logits,
        "gpt_rec_loss_sum_per_row": (surprise * (labels != size - 3)).sum(1),
        "greedy_ids_bos_then_20": greedy,
        "sampled_ids_seed4242_maxlen25": optimus.sample(latent[:1], 4242, 25),
    }


def prompt_outputs(clip: Clip, given: dict[str, Tensor]) -> dict[str, Tensor]:
    made = {"text_embed": clip.encode_text(given["text_ids"])}
    images = {
        "256": given["image01_256"],
        "300x260": given["image01_300x260"],
        "outside01": given["image_outside01"],
    }
    for label, image in images.items():
        made[f"pixel_values_{label}"] = clip.pixels(image)
        made[f"image_embed_{label}"] = clip.encode_image(image)
    black = torch.zeros(1, 1, 256, 256)
    made["pixel_values_zero"] = clip.pixels(black)
    made["zero_image_embed"] = clip.encode_image(black)
    return made


def drawn_inputs(config: dict[str, Any], seed: int) -> Files:
    """Seeded inputs of the shapes that ``config`` wants."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    def whole(below: int, *shape: int) -> Tensor:
        return torch.randint(below, shape, generator=rng)

    shapes = dict.fromkeys(("frontal", "lateral"), (2, *config["latent"]))
    shapes["text"] = (2, config["text"]["input_channels"])
    context = normal(2, 1, config["ctx"]) * 4 / config["ctx"] ** 0.5
    unet = {f"x_{n}": normal(*shape) for n, shape in shapes.items()}
    unet |= {"t": torch.tensor([333, 640]), "context1": context, "context2": context.flip(0)}
    for text in LOSSES:
        unet |= {f"loss.{text}.noise_{n}": normal(*shapes[n]) for n in text.split("+")}
    ddim = {}
    for tag in TAGS:
        ddim[f"{tag}.context_uncond_then_cond"] = normal(4, 1, config["ctx"]) * 0.5
        for n in NAMES:
            if n in tag:
                ddim[f"{tag}.xT_{n}"] = normal(*shapes[n])
                if tag.endswith("1"):
                    ddim[f"{tag}.noise_{n}"] = normal(-(-1000 // (1000 // STEPS)), *shapes[n])
    height, width = config["img"]
    halvings = 2 ** (len(config["vae"]["ch_mult"]) - 1)
    latent = (2, config["vae"]["z_channels"], height // halvings, width // halvings)
    bert, gpt, text = config["bert"], config["gpt"], config["clip"]["text"]
    bert_ids = 1 + whole(bert["vocab_size"] - 1, 3, 14)
    bert_ids[1, 9:], bert_ids[2, 12:] = 0, 0
    gpt_ids = whole(gpt["vocab_size"] - 3, 3, 17)
    gpt_ids[:, 0], gpt_ids[2, 13:] = gpt["vocab_size"] - 2, gpt["vocab_size"] - 3
    text_ids = whole(text["vocab_size"] - 1, 3, text["max_position_embeddings"])
    for row, end in enumerate((5, 9, text["max_position_embeddings"] - 1)):
        text_ids[row, end:] = text["vocab_size"] - 1
    return {
        "io_unet": unet,
        "ddim": ddim,
        "io_vae": {
            "image_1ch_in_pm1": normal(2, 1, height, width).tanh(),
            "image_3ch": normal(1, 3, height, width).tanh(),
            "z_for_decode_unscaled": normal(*latent),
        },
        "io_optimus": {
            "bert_ids_pad0": bert_ids,
            "gpt_ids": gpt_ids,
            "gpt_labels": gpt_ids.clone(),
            "latent_unscaled": normal(3, gpt["latent_size"]),
        },
        "io_clip": {
            "text_ids": text_ids,
            "image01_256": torch.rand(2, 1, 256, 256, generator=rng),
            "image01_300x260": torch.rand(1, 1, 300, 260, generator=rng),
            "image_outside01": 0.5 + 0.4 * normal(1, 1, 256, 256),
        },
    }


def write_folder(folder: Path, config: dict[str, Any], seed: int) -> Files:
    """Write a whole folder and return its files of inputs and outputs."""
    weights = Weights(seed=seed)
    given = drawn_inputs(config, seed + 1)
    outputs = computed(weights, config, given)
    files = {name: {**given.get(name, {}), **outputs[name]} for name in outputs}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    for name, tensors in (files | weight_files(weights, config)).items():
        whole = {key: value.clone().contiguous() for key, value in tensors.items()}
        save_file(whole, folder / f"{name}.safetensors")
    return files


def weight_files(weights: Weights, config: dict[str, Any]) -> Files:
    """The weights by file, with what else the release stores."""
    keys = dict(weights.tensors)
    gpt, key = config["gpt"], "optimus.decoder"
    keys[f"{key}.lm_head.weight"] = keys[f"{key}.transformer.wte.weight"]
    causal = torch.ones(gpt["n_positions"], gpt["n_positions"]).tril()[None, None]
    for layer in range(gpt["n_layer"]):
        keys[f"{key}.transformer.h.{layer}.attn.bias"] = causal
    keys["clip.model.logit_scale"] = torch.tensor(2.6592)
    for tower in config["clip"]:
        if tower in ("text", "vision"):
            place = f"clip.model.{tower}_model.embeddings"
            count = len(keys[f"{place}.position_embedding.weight"])
            keys[f"{place}.position_ids"] = torch.arange(count)[None]
    dead = "clip.model.vision_model.encoder.layers.0.temporal_self_attn"
    keys[f"{dead}.temporal_attn.to_q.weight"] = torch.randn(4, 4)
    keys[f"{dead}.ff.proj_in.0.weight"] = torch.randn(4, 4, 1)
    for name, c in settings_of(config).items():
        if c.get("use_video_architecture"):
            place = f"model.diffusion_model.unet_{name}.input_blocks.1.0.1"
            keys[f"{place}.frameshiftblock.out_layers.0.weight"] = torch.randn(4)
            keys[f"{place}.temporal_attn.pos_embeds"] = torch.randn(1, 30, 4)
            keys[f"{place}.ff.proj_out.1.weight"] = torch.randn(4, 4, 1, 1, 1)
    starts = {
        "unet_frontal": "model.diffusion_model.unet_frontal.",
        "unet_lateral": "model.diffusion_model.unet_lateral.",
        "unet_text": "model.diffusion_model.unet_text.",
        "vae": "autokl.",
        "optimus": "optimus.",
        "clip": "clip.",
    }
    return {
        file: {key: value for key, value in keys.items() if key.startswith(start)}
        for file, start in starts.items()
    }
