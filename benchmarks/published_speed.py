"""Is the published model fast? Ratios to diffusers, and to the release's way of writing reports.

    python benchmarks/published_speed.py [--rounds 3] [--steps 50] [--threads 2] [--part NAME]

Full size, random weights: what comes out means nothing, how long it takes does. Each part runs in a
process of its own, so that one set of networks is in memory at a time (11 GiB at most). Contenders
take turns (A B C A B C ...), and a ratio is the median of the ratios of each round, with the
smallest and the largest: what else the machine does strikes all of them alike. Parts:

``denoiser-fp32``: one call of the frontal denoiser (859,520,964 parameters) at 32 x 32 for two
latents, as guidance asks for, one token of context: diffusers' `UNet2DConditionModel` in the shape
of Stable Diffusion 1.5, our plain weights ("parity") and our packed ones ("fast"), and how far
those are apart. ``denoiser-bf16``: the same with weights in bf16. A processor that has no
instructions for bf16 computes with them in fp32; diffusers computes in bf16 there too, slowly, and
is asked once.
``trajectory``: what packing and bf16 change over a whole DDIM trajectory (guidance 7.5, eta 0,
the release's timesteps) against plain fp32, and what a guidance interval saves.
``decoder``: one latent to 256 x 256 pixels. ``report``: eight latents to 100 tokens each; the
release scores the whole sequence again for each token of one latent after the other.

Prints one JSON line.
"""

import copy
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.latents.image_vae import ImageVaeConfig
from xgem.latents.report_vae import ReportVae
from xgem.latents.report_writing import MarkIds, drawn, without_tail, write_ids
from xgem.model import ModelConfig, build_model
from xgem.official.configuration import released_model
from xgem.official.published import PUBLISHED
from xgem.precision import computes_in
from xgem.sampling.context import Context
from xgem.sampling.sampler import denoise
from xgem.study import FRONTAL
from xgem.version import commit, version
from xgem.weight_layout import Layout, lay_out

FP32, BF16, CPU = torch.float32, torch.bfloat16, torch.device("cpu")
PARAMETERS = 859_520_964
INTERVAL = (0.033, 0.927)
"""Shares of signal between which Kynkäänniemi et al. 2024 guide Stable Diffusion XL."""
REPORTS, TOKENS = 8, 100

Call = Callable[[], Tensor]
Facts = dict[str, Any]


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contender.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Of the trajectory.")] = 50,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    part: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
    inside: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure each part in a process of its own."""
    if inside is not None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            typer.echo(json.dumps(PARTS[inside](rounds, steps)))
        return
    measured = {name: alone(name, rounds, steps, threads) for name in part or PARTS}
    machine = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_vector_instructions()}",
        "bf16 instructions": computes_in("bf16", CPU),
        "torch": torch.__version__,
        "threads": threads,
        "rounds": rounds,
    }
    typer.echo(json.dumps({**machine, **measured, "xgem": version(), "commit": commit()}))


def alone(name: str, rounds: int, steps: int, threads: int) -> Facts:
    """Measure one part, whose memory is then free again."""
    typer.echo(f"{name} ...", err=True)
    options = ["--rounds", rounds, "--steps", steps, "--threads", threads, "--inside", name]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    call = [sys.executable, __file__, *map(str, options)]
    ended = subprocess.run(call, env=environment, stdout=subprocess.PIPE, check=True)
    facts: Facts = json.loads(ended.stdout.splitlines()[-1])
    typer.echo(json.dumps(facts, indent=1), err=True)
    return facts


def in_turn(
    contenders: dict[str, Call],
    against: Sequence[str],
    rounds: int,
    cold: Sequence[str] = (),
    once: Sequence[str] = (),
) -> tuple[Facts, dict[str, Tensor]]:
    """Let contenders take turns, after one call each that does not count.

    Args:
        contenders: what each does.
        against: those that all others are compared with.
        rounds: how often each is measured.
        cold: those that need no call before, because theirs are long.
        once: those whose calls are so long that they are measured in the first round alone.

    Returns:
        Seconds and ratios, and what each gave.
    """
    found: dict[str, Tensor] = {}
    for name, call in contenders.items():
        if name not in (*cold, *once):
            call()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, call in contenders.items():
            if name in once and turn > 0:
                continue
            started = time.perf_counter()
            found[name] = call()
            seconds[name].append(time.perf_counter() - started)
            typer.echo(f"  {name}: {seconds[name][-1]:.2f} s", err=True)

    def ratio(slow: str, fast: str) -> Facts:
        pairs = zip(seconds[slow], seconds[fast], strict=False)
        return spread([slower / faster for slower, faster in pairs])

    facts = {
        "seconds": {name: spread(values) for name, values in seconds.items()},
        **{
            f"times as fast as {slow}": {
                name: ratio(slow, name) for name in contenders if name != slow
            }
            for slow in against
        },
    }
    return facts, found


def spread(values: Sequence[float]) -> Facts:
    """Median, smallest, largest."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def denoiser_fp32(rounds: int, steps: int) -> Facts:
    """One guided call in fp32."""
    latents, timestep, prompt = denoiser_inputs()
    theirs, plain = diffusers_unet(), frontal_denoiser()
    fast = laid(copy.deepcopy(plain), Layout.PACKED)
    contenders: dict[str, Call] = {
        "diffusers fp32": lambda: theirs(latents, timestep, prompt).sample,
        "ours fp32, parity": lambda: plain(latents, timestep, prompt),
        "ours fp32, fast": lambda: fast(latents, timestep, prompt),
    }
    facts, found = in_turn(contenders, ["diffusers fp32"], rounds)
    parity = found["ours fp32, parity"]
    return {
        **facts,
        "fast from parity, largest": difference(found["ours fp32, fast"], parity),
        "standard deviation of parity": float(f"{parity.std():.3g}"),
    }


def denoiser_bf16(rounds: int, steps: int) -> Facts:
    """One guided call with weights in bf16."""
    native = computes_in("bf16", CPU)
    latents, timestep, prompt = denoiser_inputs()
    half = [value.to(BF16) for value in (latents, timestep, prompt)]
    theirs = diffusers_unet()
    theirs_half = copy.deepcopy(theirs).to(BF16)
    held = frontal_denoiser().to(BF16)
    fast = laid(copy.deepcopy(held), Layout.PACKED, BF16 if native else FP32)
    if not native:
        held = laid(held, Layout.NARROW)
    contenders: dict[str, Call] = {
        "diffusers fp32": lambda: theirs(latents, timestep, prompt).sample,
        "diffusers bf16": lambda: theirs_half(*half).sample,
        "ours bf16": lambda: held(latents, timestep, prompt),
        "ours bf16, fast": lambda: fast(latents, timestep, prompt),
    }
    once = [] if native else ["diffusers bf16"]
    facts, _ = in_turn(contenders, ["diffusers fp32", "diffusers bf16"], rounds, once=once)
    return facts


def trajectory(rounds: int, steps: int) -> Facts:
    """How far fast and bf16 lead away from plain fp32, and how long each takes."""
    config = frontal_alone()
    model = build_model(config, weights=False)
    plain = frontal_denoiser()
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(1, 4, 32, 32, generator=generator)
    prompt, empty = torch.nn.functional.normalize(
        torch.randn(2, 1, 1, 768, generator=generator), dim=-1
    )
    context = {FRONTAL: Context(prompt, empty, 1)}
    whole = replace(config.sampling, steps=steps, eta=0.0, guidance=7.5)

    def path(network: nn.Module, settings: Any) -> tuple[Tensor, float]:
        model.components["frontal_denoiser"] = network
        model.__dict__.pop("parts", None)
        started = time.perf_counter()
        latents = denoise(model, {FRONTAL: start}, context, settings, lambda m: start)
        states = torch.stack([after[FRONTAL] for after in latents])
        return states, round(time.perf_counter() - started, 1)

    parity, seconds = path(plain, whole)
    facts: Facts = {"steps": len(parity), "seconds": {"fp32, parity": seconds}}
    rounded = copy.deepcopy(plain).to(BF16)
    native = computes_in("bf16", CPU)
    ways: dict[str, tuple[Callable[[], nn.Module], Any]] = {
        "fp32, fast": (lambda: laid(plain, Layout.PACKED), whole),
        "fp32, fast, guided in an interval": (
            lambda: plain,
            replace(whole, guidance_interval=INTERVAL),
        ),
        "bf16, fast": (lambda: laid(rounded, Layout.PACKED, BF16 if native else FP32), whole),
    }
    for name, (network, settings) in ways.items():
        states, facts["seconds"][name] = path(network(), settings)
        if settings is whole:
            apart = [relative(a, b) for a, b in zip(states, parity, strict=True)]
            facts[f"{name}: relative error"] = {
                "after one step": apart[0],
                "largest of any step": max(apart),
                "of the result": apart[-1],
            }
    return facts


def decoder(rounds: int, steps: int) -> Facts:
    """One latent to pixels."""
    torch.manual_seed(0)
    plain = ImageVaeConfig().build().eval().requires_grad_(False)
    latent = torch.randn(1, 4, 32, 32)
    fast = laid(copy.deepcopy(plain), Layout.PACKED)
    native = computes_in("bf16", CPU)
    half = laid(copy.deepcopy(plain).to(BF16), Layout.PACKED, BF16 if native else FP32)
    contenders: dict[str, Call] = {
        "diffusers fp32": lambda: plain.net.decode(latent).sample,
        "ours fp32, fast": lambda: fast.reconstruct(latent),
        "ours bf16, fast": lambda: half.reconstruct(latent),
    }
    facts, found = in_turn(contenders, ["diffusers fp32"], rounds)
    image = (found["diffusers fp32"][:, :1] + 1) / 2
    return {
        **facts,
        "fast from diffusers, largest": difference(found["ours fp32, fast"], image),
        "bf16 from diffusers, largest": difference(found["ours bf16, fast"].float(), image),
    }


def report(rounds: int, steps: int) -> Facts:
    """Eight reports of 100 tokens, drawn as released; the end of a report does not stop it."""
    torch.manual_seed(0)
    config = replace(released_model(PUBLISHED).autoencoders["report_vae"], encoder_layers=1)
    plain = config.build().eval().requires_grad_(False)
    fast = laid(copy.deepcopy(plain), Layout.PACKED)
    latents = torch.randn(REPORTS, 768)
    never = replace(plain.marks, eos=-1)

    def sources() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(row) for row in range(REPORTS)]

    def batched(vae: ReportVae) -> Tensor:
        return vae.write(latents, drawn(sources(), top_p_cut=True), TOKENS, never)

    def released() -> Tensor:
        rows = zip(latents, sources(), strict=True)
        return torch.cat([one_by_one(plain, row[None], source, never) for row, source in rows])

    contenders: dict[str, Call] = {
        "the release's way": released,
        "ours": lambda: batched(plain),
        "ours, fast": lambda: batched(fast),
    }
    way = "the release's way"
    facts, found = in_turn(contenders, [way], rounds, cold=[way])
    alike = {name: agreement(ids, found[way]) for name, ids in found.items() if name != way}
    return {**facts, f"share of tokens that {way} writes, too": alike}


def one_by_one(vae: ReportVae, raw: Tensor, source: torch.Generator, marks: MarkIds) -> Tensor:
    """Score the whole sequence again for each token, and sort the vocabulary."""
    written: list[Tensor] = []

    def score(latest: Tensor, count: int) -> Tensor:
        written.append(latest)
        return vae.score(torch.cat(written, dim=1), raw)[:, -1]

    draw = drawn([source], top_p_cut=False)
    return write_ids(score, lambda logits: draw(without_tail(logits)), 1, marks, TOKENS, CPU)


def agreement(one: Tensor, other: Tensor) -> float:
    """Share of equal tokens."""
    return round(float((one == other).float().mean()), 4)


def denoiser_inputs() -> tuple[Tensor, Tensor, Tensor]:
    """A latent twice, and two contexts of one token."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 32, 32, generator=generator).repeat(2, 1, 1, 1)
    prompt = torch.randn(2, 1, 768, generator=generator)
    return latents, torch.tensor([500.0, 500.0]), prompt


def diffusers_unet() -> Any:
    """The UNet of Stable Diffusion 1.5, attention as diffusers sets it."""
    from diffusers.models import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=32, cross_attention_dim=768, attention_head_dim=8)
    return random_weights(unet)


def frontal_denoiser() -> Any:
    """Ours, with the release's quirk."""
    with torch.device("meta"):
        unet = ImageUNetConfig(skip_aliasing=True).build()
    return random_weights(unet)


def frontal_alone() -> ModelConfig:
    """The published model as far as the loop of sampling needs it."""
    config = released_model(PUBLISHED)
    frontal = replace(config.modalities[0], environment=None, coupling=None)
    return replace(
        config,
        modalities=(frontal,),
        prompt_encoders={"image_prompt": config.prompt_encoders["image_prompt"]},
        autoencoders={"image_vae": config.autoencoders["image_vae"]},
    )


def random_weights(unet: nn.Module) -> nn.Module:
    """Weights by which values keep their size from layer to layer; norms are 1, biases 0."""
    assert sum(parameter.numel() for parameter in unet.parameters()) == PARAMETERS
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode(False):
        unet.to_empty(device="cpu").eval().requires_grad_(False)
        for name, parameter in unet.named_parameters():
            if parameter.ndim > 1:
                edge = (3 / parameter[0].numel()) ** 0.5
                parameter.uniform_(-edge, edge, generator=generator)
            else:
                parameter.fill_(float(name.endswith("weight")))
    return unet


def laid(network: Any, layout: Layout, dtype: torch.dtype = FP32) -> Any:
    """The network itself, its weights laid out."""
    with torch.inference_mode(False):
        lay_out(network, dtype, layout)
    return network


def difference(one: Tensor, other: Tensor) -> float:
    """Largest absolute difference."""
    return float(f"{(one - other).abs().max():.3g}")


def relative(one: Tensor, other: Tensor) -> float:
    """Distance over length."""
    return float(f"{(one - other).norm() / other.norm():.3g}")


def _vector_instructions() -> str:
    return torch.backends.cpu.get_cpu_capability()


PARTS: dict[str, Callable[[int, int], Facts]] = {
    "denoiser-fp32": denoiser_fp32,
    "denoiser-bf16": denoiser_bf16,
    "trajectory": trajectory,
    "decoder": decoder,
    "report": report,
}

if __name__ == "__main__":
    typer.run(main)
