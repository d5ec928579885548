from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from xgem.denoisers.coupling import CouplingConfig, CouplingMode
from xgem.errors import ConfigError, StoreError
from xgem.model import Model, ModelConfig, build_model
from xgem.share import ALONE, Split
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT
from xgem.training.encoded import Encoded
from xgem.training.encoding_shards import encode_studies
from xgem.training.joint import Joint, JointConfig, output_subsets
from xgem.training.stage import Optimization
from xgem.training.studies import Studies

CONFIG = JointConfig(optimization=Optimization(steps=2, batch_size=6, learning_rate=1e-3), group=3)


@pytest.fixture
def encoded(small_model: Model, gappy_studies: Studies, tmp_path: Path) -> Encoded:
    return encode_studies(small_model, gappy_studies, tmp_path / "e", "data", "fp32")


def test_all_sets_of_two_or_more_are_trained() -> None:
    assert [len(subset) for subset in output_subsets(CHEST)] == [2, 2, 2, 3]


@pytest.mark.parametrize("outputs", output_subsets(CHEST), ids=lambda o: "+".join(map(str, o)))
def test_every_set_of_outputs_trains_couplings_and_environments_alone(
    small_model: Model, encoded: Encoded, outputs: tuple
) -> None:
    stage = Joint(CONFIG, small_model, encoded, encoded, 0)
    for name, component in stage.trained.items():
        if name.endswith("_coupling"):  # not at their start, where no gradient passes them
            for parameter in component.parameters():
                nn.init.normal_(parameter, std=0.1)
    rng = torch.Generator().manual_seed(0)
    terms = stage.loss(stage._batch(encoded, outputs, 0, ALONE, rng), 0.0)
    assert set(terms) == {"contrast", *(f"noise_{m}" for m in outputs)}
    torch.stack(list(terms.values())).sum().backward()
    touched = {
        name.split(".")[1]
        for name, parameter in small_model.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    expected = {f"{m.name}_{kind}" for m in outputs for kind in ("environment", "coupling")}
    assert touched == expected
    assert stage.temperature.log_scale.grad is not None


@torch.no_grad()
@pytest.mark.parametrize(("mode", "heard"), [(CouplingMode.CROSS, True), (CouplingMode.OWN, False)])
def test_cross_hears_the_partner_and_own_cannot(
    small_config: ModelConfig, encoded: Encoded, stirred, mode: CouplingMode, heard: bool
) -> None:
    torch.manual_seed(0)
    model = stirred(build_model(replace(small_config, coupling_mode=mode)))
    stage = Joint(CONFIG, model, encoded, encoded, 0)
    for component in stage.trained.values():
        for parameter in component.parameters():
            nn.init.normal_(parameter, std=0.1)

    def frontal_error(lateral: torch.Tensor) -> float:
        changed = replace(encoded, latents={**encoded.latents, LATERAL: lateral})
        rng = torch.Generator().manual_seed(0)
        batch = stage._batch(changed, (FRONTAL, LATERAL), 0, ALONE, rng)
        return stage.loss(batch, 0.0)["noise_F"].item()

    latents = encoded.latents[LATERAL][list(range(len(encoded)))]
    assert (frontal_error(latents) != frontal_error(latents.roll(1, 0) + 1)) is heard


def test_fewer_than_two_coupled_modalities_are_refused(
    small_config: ModelConfig, encoded: Encoded
) -> None:
    uncoupled = tuple(replace(m, coupling=None) for m in small_config.modalities)
    model = build_model(replace(small_config, modalities=uncoupled))
    with pytest.raises(ConfigError, match="two modalities with a coupling"):
        Joint(CONFIG, model, encoded, encoded, 0)


@pytest.mark.parametrize("outputs", output_subsets(CHEST), ids=lambda o: "+".join(map(str, o)))
def test_studies_are_scored_by_what_they_hold_of_the_outputs(
    small_model: Model, encoded: Encoded, outputs: tuple
) -> None:
    config = replace(CONFIG, optimization=replace(CONFIG.optimization, batch_size=20))
    stage = Joint(config, small_model, encoded, encoded, 0)
    batch = stage._batch(encoded, outputs, 0, ALONE, torch.Generator().manual_seed(0))
    kinds = {part.outputs for part in batch.together}
    assert all(len(kind) > 1 and set(kind) <= set(outputs) for kind in kinds)
    assert len(kinds) == (4 if len(outputs) == 3 else 1)
    assert sum(part.weight for part in batch.together) == pytest.approx(1)
    for part in batch.together:
        for study in part.studies:
            held = {m for m in outputs if encoded.present[m][study]}
            assert held == set(part.outputs)
        by_group = [set(part.timesteps[i : i + 3]) for i in range(0, len(part.timesteps), 3)]
        assert all(len(timesteps) == 1 for timesteps in by_group)


@torch.no_grad()
def test_passes_add_up_to_the_batch_but_for_the_contrast(
    small_model: Model, encoded: Encoded
) -> None:
    stage = Joint(CONFIG, small_model, encoded, encoded, 0)

    def loss(split: Split) -> dict[str, torch.Tensor]:
        rng = torch.Generator().manual_seed(0)
        return dict(stage.loss(stage._batch(encoded, CHEST, 0, split, rng), 0.5))

    whole, parts = loss(ALONE), [loss(split) for split in ALONE.of_passes(2)]
    for name in ("noise_F", "noise_L", "noise_T"):
        added = torch.stack([part[name] for part in parts]).sum()
        torch.testing.assert_close(added, whole[name], rtol=1e-5, atol=0)


@torch.no_grad()
def test_outputs_that_nothing_prompts_hear_empty_prompts_of_each_other(
    small_model: Model, encoded: Encoded
) -> None:
    stage = Joint(CONFIG, small_model, encoded, encoded, 0)
    batch = stage._batch(encoded, CHEST, 0, ALONE, torch.Generator().manual_seed(0))
    (whole,) = (part for part in batch.together if part.outputs == CHEST)
    for m in CHEST:
        one, other = (encoded.empty[partner] for partner in CHEST if partner != m)
        choices = torch.stack([one, other, (one + other) / 2])
        distances = (whole.prompts[m] - choices).norm(dim=-1)  # rows choices
        assert distances.amin(1).max() < 1e-5
        assert not whole.heard[m].any()


def test_where_nothing_is_held_together_it_says_so(small_model: Model, encoded: Encoded) -> None:
    alone = replace(encoded, present={**encoded.present, FRONTAL: ~encoded.present[REPORT],
                                      LATERAL: encoded.present[LATERAL] & False})  # fmt: skip
    stage = Joint(CONFIG, small_model, alone, alone, 0)
    with pytest.raises(StoreError, match="made together"):
        stage.batch(0, ALONE, torch.Generator())
    assert stage.validation_loss(ALONE) == {}


@torch.no_grad()
def test_pictures_of_whole_studies_are_shown(small_model: Model, encoded: Encoded) -> None:
    stage = Joint(CONFIG, small_model, encoded, encoded, 0)
    picture = stage.picture()
    assert picture is not None
    assert picture.size == (4 * 192, 3 * 192)


@pytest.fixture
def guessing(small_config: ModelConfig, stirred) -> Model:
    """A model whose couplings mix guesses into the context, and have no layers of their own."""
    modalities = tuple(
        replace(
            m,
            environment=replace(m.environment, width=17),
            coupling=CouplingConfig(layer="prompt", width=17, prompt_length=4.0),
        )
        for m in small_config.modalities
    )
    torch.manual_seed(0)
    return stirred(build_model(replace(small_config, modalities=modalities)))


@pytest.mark.parametrize("denoise", [True, False])
def test_environments_can_learn_to_guess_prompts(
    guessing: Model, encoded: Encoded, denoise: bool
) -> None:
    stage = Joint(replace(CONFIG, contrast=1.0, denoise=denoise), guessing, encoded, encoded, 0)
    batch = stage._batch(encoded, CHEST, 0, ALONE, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(stage.trained.parameters(), lr=3e-3)
    guesses = []
    for _ in range(40):
        terms = stage.loss(batch, 0.0)
        guesses.append(terms["contrast"].item())
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
    assert guesses[-1] < 0.7 * guesses[0]
    assert not any(p.grad is not None for p in stage.frozen.parameters())


def test_guesses_alone_are_validated_by_denoising_too(guessing: Model, encoded: Encoded) -> None:
    stage = Joint(replace(CONFIG, denoise=False), guessing, encoded, encoded, 0)
    batch = stage._batch(encoded, CHEST, 0, ALONE, torch.Generator().manual_seed(0))
    assert set(stage.loss(batch, 0.0)) == {"contrast"}
    assert {"noise_F", "noise_L", "noise_T"} < set(stage.validation_loss(ALONE))


def test_layers_cannot_learn_from_guesses_alone(small_model: Model, encoded: Encoded) -> None:
    with pytest.raises(ConfigError, match=r"coupling of .* has layers"):
        Joint(replace(CONFIG, denoise=False), small_model, encoded, encoded, 0)
