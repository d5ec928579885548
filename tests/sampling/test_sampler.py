"""Who hears whom in the loop, and what each kind of guidance does."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from xgem.denoisers.coupling import CouplingMode
from xgem.diffusion.ddim import trailing_timesteps
from xgem.diffusion.defaults import SamplingDefaults
from xgem.diffusion.process import alpha_bar
from xgem.sampling import sampler
from xgem.sampling.context import Context
from xgem.sampling.noise import draw, generators
from xgem.sampling.sampler import denoise, new_solver, sample_latents
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT, Modality

PLAIN = SamplingDefaults(steps=4, guidance=1.0)


def contexts(*outputs: Modality, batch: int = 2, prompted: bool = True) -> dict[Modality, Context]:
    generator = torch.Generator().manual_seed(0)
    prompt, empty = torch.randn(2, 1, 1, 6, generator=generator).expand(2, batch, 1, 6)
    return {output: Context(prompt, empty if prompted else None) for output in outputs}


@torch.inference_mode()
def sample(
    model: object, settings: SamplingDefaults, *outputs: Modality, seeds: tuple[int, ...] = (1, 2)
) -> dict[Modality, Tensor]:
    return sample_latents(model, contexts(*outputs, batch=len(seeds)), list(seeds), settings)


@pytest.fixture
def other_lateral_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the lateral latent, and it alone, from other noise."""

    def shifted(seeds: list[int], modality: Modality, purpose: str) -> list[torch.Generator]:
        moved = [seed + 1000 for seed in seeds] if modality == LATERAL else seeds
        return generators(moved, modality, purpose)

    monkeypatch.setattr(sampler, "generators", shifted)


def test_cross_changing_one_latent_changes_the_other(
    fake_model: type, request: pytest.FixtureRequest
) -> None:
    model = fake_model(mode=CouplingMode.CROSS)
    before = sample(model, PLAIN, FRONTAL, LATERAL)[FRONTAL]
    request.getfixturevalue("other_lateral_noise")
    after = sample(model, PLAIN, FRONTAL, LATERAL)[FRONTAL]
    assert (before - after).abs().max() > 1e-3


def test_own_changing_one_latent_cannot_change_the_other(
    fake_model: type, request: pytest.FixtureRequest
) -> None:
    model = fake_model(mode=CouplingMode.OWN)
    before = sample(model, PLAIN, FRONTAL, LATERAL)[FRONTAL]
    assert (before - sample(model, PLAIN, FRONTAL)[FRONTAL]).abs().max() > 1e-3  # it is coupled
    request.getfixturevalue("other_lateral_noise")
    assert torch.equal(before, sample(model, PLAIN, FRONTAL, LATERAL)[FRONTAL])


@pytest.mark.parametrize("mode", list(CouplingMode), ids=lambda mode: mode.value)
def test_coupling_guidance_zero_equals_uncoupled(fake_model: type, mode: CouplingMode) -> None:
    deaf = replace(PLAIN, coupling_guidance=0.0)
    coupled, uncoupled = fake_model(mode=mode), fake_model(coupled=False)
    joint = sample(coupled, deaf, *CHEST)
    for output in CHEST:
        coupled_alone = sample(coupled, PLAIN, output)[output]
        assert torch.equal(joint[output], coupled_alone)
    assert not any(heard for _, heard in coupled.parts[FRONTAL].denoiser.calls)
    sample(uncoupled, PLAIN, *CHEST)
    assert not any(heard for _, heard in uncoupled.parts[FRONTAL].denoiser.calls)


def test_a_model_without_couplings_generates_jointly_all_the_same(fake_model: type) -> None:
    model = fake_model(coupled=False)
    joint = sample(model, PLAIN, FRONTAL, REPORT)
    assert torch.equal(joint[REPORT], sample(model, PLAIN, REPORT)[REPORT])


def test_a_single_output_hears_nobody(fake_model: type) -> None:
    model = fake_model()
    sample(model, PLAIN, FRONTAL)
    assert model.parts[FRONTAL].denoiser.calls == [(2, False)] * 4


@pytest.mark.parametrize(
    ("guidance", "coupling_guidance", "passes"),
    [
        (1.0, 1.0, [(2, True)]),
        (1.0, 0.0, [(2, False)]),
        (3.0, 1.0, [(4, True)]),
        (3.0, 2.0, [(4, True), (4, False)]),
        (1.0, 2.0, [(2, True), (2, False)]),
    ],
)
def test_no_more_passes_than_the_guidances_need(
    fake_model: type, guidance: float, coupling_guidance: float, passes: list[tuple[int, bool]]
) -> None:
    model = fake_model()
    settings = replace(PLAIN, guidance=guidance, coupling_guidance=coupling_guidance)
    sample(model, settings, FRONTAL, LATERAL)
    assert model.parts[FRONTAL].denoiser.calls == passes * 4


def test_coupling_guidance_goes_from_uncoupled_through_coupled(fake_model: type) -> None:
    """One step from pure noise is linear in the prediction, hence in the guidance."""
    model = fake_model()
    one = replace(PLAIN, steps=1)
    at = [
        sample(model, replace(one, coupling_guidance=w), FRONTAL, LATERAL)[FRONTAL]
        for w in (0.0, 1.0, 2.0)
    ]
    torch.testing.assert_close(at[2] - at[1], at[1] - at[0], rtol=1e-4, atol=1e-4)
    assert (at[1] - at[0]).abs().max() > 1e-3


def test_guidance_may_differ_by_modality(fake_model: type) -> None:
    model = fake_model(coupled=False)
    mixed = sample(model, replace(PLAIN, guidance={"F": 3.0}), FRONTAL, LATERAL)
    assert torch.equal(mixed[LATERAL], sample(model, PLAIN, LATERAL)[LATERAL])
    guided = sample(model, replace(PLAIN, guidance=3.0), FRONTAL)
    assert torch.equal(mixed[FRONTAL], guided[FRONTAL])


def test_outside_the_interval_of_guidance_one_pass_is_enough(fake_model: type) -> None:
    model = fake_model(coupled=False)
    levels = alpha_bar(model.process.schedule)[trailing_timesteps(4)]
    middle = replace(PLAIN, guidance=3.0, guidance_interval=(float(levels[1]), float(levels[2])))
    found = sample(model, middle, FRONTAL)[FRONTAL]
    assert model.parts[FRONTAL].denoiser.calls == [(2, False), (4, False), (4, False), (2, False)]
    everywhere = sample(model, replace(PLAIN, guidance=3.0), FRONTAL)[FRONTAL]
    assert (found - everywhere).abs().max() > 1e-3
    nowhere = replace(PLAIN, guidance=3.0, guidance_interval=(0.9999999, 1.0))
    assert torch.equal(
        sample(model, nowhere, FRONTAL)[FRONTAL], sample(model, PLAIN, FRONTAL)[FRONTAL]
    )


def test_rescaled_guidance_moves_less_from_the_start(fake_model: type) -> None:
    model = fake_model(coupled=False)
    strong = replace(PLAIN, guidance=6.0)
    plain, rescaled = (
        sample(model, replace(strong, guidance_rescale=share), FRONTAL)[FRONTAL]
        for share in (0.0, 1.0)
    )
    assert rescaled.std() < plain.std()
    assert torch.equal(
        sample(model, replace(PLAIN, guidance_rescale=1.0), FRONTAL)[FRONTAL],
        sample(model, PLAIN, FRONTAL)[FRONTAL],
    )


@torch.inference_mode()
def test_a_step_that_goes_nowhere_asks_no_network(fake_model: type) -> None:
    """The release asks, and gets the same latent but for rounding."""
    model = fake_model(coupled=False)
    settings = replace(PLAIN, steps=5, eta=1.0, spacing="released")
    heard, fresh = contexts(FRONTAL), generators([1, 2], FRONTAL, "steps")
    start = {FRONTAL: draw(generators([1, 2], FRONTAL, "start"), (2, 4, 4))}
    path = [
        after[FRONTAL]
        for after in denoise(model, start, heard, settings, lambda m: draw(fresh, (2, 4, 4)))
    ]
    assert len(path) == 5
    assert len(model.parts[FRONTAL].denoiser.calls) == 4
    solver = new_solver(model, settings)
    asked = model.parts[FRONTAL].predict(path[-2], torch.zeros(2), heard[FRONTAL].prompt)
    after = solver.step(4, path[-2], asked, draw(fresh, (2, 4, 4)))
    torch.testing.assert_close(after, path[-1], rtol=0, atol=1e-5)


def test_without_a_prompt_guidance_does_nothing(fake_model: type) -> None:
    model = fake_model()
    with torch.inference_mode():
        plain, guided = (
            sample_latents(model, contexts(FRONTAL, prompted=False), [1, 2], settings)[FRONTAL]
            for settings in (PLAIN, replace(PLAIN, guidance=5.0))
        )
    assert torch.equal(plain, guided)


def test_a_prompt_is_heard(fake_model: type) -> None:
    model = fake_model()
    heard = contexts(FRONTAL)
    other = {FRONTAL: Context(heard[FRONTAL].prompt + 1, None)}
    with torch.inference_mode():
        a, b = (sample_latents(model, c, [1, 2], PLAIN)[FRONTAL] for c in (heard, other))
    assert (a - b).abs().max() > 1e-3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in diffusers
@pytest.mark.parametrize("solver", ["ddim", "dpm++", "unipc"])
def test_lock_step_does_not_mix_up_solvers(fake_model: type, solver: str) -> None:
    model = fake_model(coupled=False)
    settings = replace(PLAIN, solver=solver)
    joint = sample(model, settings, *CHEST)
    for output in CHEST:
        assert torch.equal(joint[output], sample(model, settings, output)[output])


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_do_not_depend_on_their_batch(fake_model: type, eta: float) -> None:
    model = fake_model()
    settings = replace(PLAIN, guidance=2.0, eta=eta)
    together = sample(model, settings, FRONTAL, REPORT, seeds=(5, 6, 7, 8))
    for place, seed in enumerate((5, 6, 7, 8)):
        alone = sample(model, settings, FRONTAL, REPORT, seeds=(seed,))
        for output in (FRONTAL, REPORT):
            torch.testing.assert_close(alone[output][0], together[output][place])


def test_eta_draws_fresh_noise_for_each_modality(fake_model: type) -> None:
    model = fake_model()
    still, moved = (sample(model, replace(PLAIN, eta=eta), FRONTAL) for eta in (0.0, 1.0))
    assert (still[FRONTAL] - moved[FRONTAL]).abs().max() > 1e-2


def test_a_generation_starts_from_the_samples_noise(fake_model: type) -> None:
    """A denoiser that sees no difference between noise and latent gives the noise away."""
    model = fake_model()
    started: list[Tensor] = []
    denoiser = model.parts[FRONTAL].denoiser
    denoiser.register_forward_pre_hook(lambda module, inputs: started.append(inputs[0].clone()))
    sample(model, PLAIN, FRONTAL)
    assert torch.equal(started[0], draw(generators([1, 2], FRONTAL, "start"), (2, 4, 4)))


def test_every_step_is_told(fake_model: type) -> None:
    told: list[None] = []
    with torch.inference_mode():
        sample_latents(fake_model(), contexts(*CHEST), [1, 2], PLAIN, lambda: told.append(None))
    assert len(told) == 4
