"""What is in memory, and when."""

from pathlib import Path

import pytest
import torch

from xgem.checkpoint import write_checkpoint
from xgem.diffusion.process import Prediction
from xgem.errors import CheckpointError
from xgem.manifest import read_manifest
from xgem.model import Model, ModelConfig, build_model
from xgem.precision import dtype_of
from xgem.sampling.pipeline import XGeM
from xgem.sampling.residence import Need, Residence, Source
from xgem.study import FRONTAL, REPORT, Study
from xgem.weight_layout import Narrow, Packed
from xgem.weights import unique_state

GIVEN = Study(id="case", contents={REPORT: "FINDINGS: Large nodule. IMPRESSION: Edema."})


@pytest.fixture
def folder(small_model: Model, tmp_path: Path) -> Path:
    weights = {name: unique_state(part) for name, part in small_model.components.items()}
    write_checkpoint(tmp_path / "model", weights, small_model.config.to_json(), {})
    return tmp_path / "model"


def loaded(model: Model) -> set[str]:
    """Components of which any parameter has memory."""
    return {
        name
        for name, component in model.components.items()
        if any(not parameter.is_meta for parameter in component.parameters())
    }


def halves(component: torch.nn.Module) -> set[str]:
    return {key for key, value in component.named_parameters() if not value.is_meta}


def test_nothing_is_loaded_before_it_is_needed(folder: Path) -> None:
    assert loaded(XGeM.from_pretrained(folder, offload=False).model) == set()


def test_a_task_loads_only_what_it_needs(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=False)
    xgem.generate(GIVEN, to="F")
    assert loaded(xgem.model) == {"report_prompt", "frontal_denoiser", "image_vae"}
    keys = halves(xgem.model.components["image_vae"])
    assert keys
    assert all(key.startswith(("net.decoder.", "net.post_quant_conv.")) for key in keys)


def test_writing_a_report_needs_no_encoder_of_reports(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=False)
    xgem.generate(
        Study(id="x", contents={FRONTAL: xgem.generate(GIVEN, to="F")[0].contents[FRONTAL]}), to="T"
    )
    keys = halves(xgem.model.components["report_vae"])
    assert any(key.startswith("decoder.transformer.h.") for key in keys)
    assert not [key for key in keys if key.startswith("encoder.")]


def test_joint_outputs_load_what_lets_them_hear_each_other(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=False)
    xgem.generate(GIVEN, to="F+L", coupling_guidance=0.0)
    assert not [name for name in loaded(xgem.model) if "coupling" in name or "environment" in name]
    xgem.generate(GIVEN, to="F+L")
    assert {"frontal_coupling", "lateral_environment"} <= loaded(xgem.model)


def test_with_offload_nothing_stays(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=True)
    (first,) = xgem.generate(GIVEN)
    assert loaded(xgem.model) == set()
    (stays,) = XGeM.from_pretrained(folder, offload=False).generate(GIVEN)
    assert (first.contents[FRONTAL] == stays.contents[FRONTAL]).all()


def test_only_what_is_mapped_as_it_is_goes_by_itself(
    folder: Path, small_model: Model, tmp_path: Path
) -> None:
    xgem = XGeM.from_pretrained(folder)
    xgem.generate(GIVEN, to="F")
    assert loaded(xgem.model) == set()
    weights = {name: unique_state(part) for name, part in small_model.components.items()}
    config = small_model.config.to_json()
    write_checkpoint(tmp_path / "half", weights, config, {}, dtype=torch.float16)
    widened = XGeM.from_pretrained(tmp_path / "half")
    widened.generate(GIVEN, to="F")
    assert "frontal_denoiser" in loaded(widened.model)
    widened.unload()
    assert loaded(widened.model) == set()


def stored(model: Model, folder: Path, dtype: torch.dtype, precision: str) -> Path:
    """The model with weights stored in ``dtype``, to be computed with in ``precision``."""
    config = {**model.config.to_json(), "precision": precision}
    weights = {name: unique_state(part) for name, part in model.components.items()}
    write_checkpoint(folder, weights, config, {}, dtype=dtype)
    return folder


def same(one: Study, other: Study, tolerance: float) -> bool:
    return bool(abs(one.contents[FRONTAL] - other.contents[FRONTAL]).max() < tolerance)


def test_half_precision_that_a_processor_lacks_stays_mapped(
    small_model: Model, tmp_path: Path
) -> None:
    half = torch.float16
    xgem = XGeM.from_pretrained(stored(small_model, tmp_path / "half", half, "fp16"))
    denoiser = xgem.model.parts[FRONTAL].denoiser
    with xgem.residence.present(denoiser):
        assert {type(p) for p in denoiser.parameters() if p.ndim > 1} == {Narrow}
        assert denoiser.norm.weight.dtype == torch.float32
    (narrow,) = xgem.generate(GIVEN, to="F")
    assert loaded(xgem.model) == set()
    widened = XGeM.from_pretrained(stored(small_model, tmp_path / "wide", half, "fp32"))
    assert same(narrow, widened.generate(GIVEN, to="F")[0], 1e-6)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_fast_weights_are_packed_once_and_stay(
    small_model: Model, tmp_path: Path, precision: str
) -> None:
    folder = stored(small_model, tmp_path / "model", dtype_of(precision), precision)
    fast, plain = XGeM.from_pretrained(folder, fast=True), XGeM.from_pretrained(folder)
    for task in ("F", "F+L+T"):
        given = GIVEN if task == "F" else None
        (found,), (expected,) = (x.generate(given, to=task) for x in (fast, plain))
        assert same(found, expected, 1e-4)
    assert "frontal_denoiser" in loaded(fast.model)
    weights = [p for p in fast.model.parts[FRONTAL].denoiser.parameters() if p.ndim > 1]
    assert {type(p) for p in weights} == {Packed}
    (again,) = fast.generate(GIVEN, to="F")
    after = [p for p in fast.model.parts[FRONTAL].denoiser.parameters() if p.ndim > 1]
    assert list(map(id, after)) == list(map(id, weights))
    fast.unload()
    assert loaded(fast.model) == set()
    assert same(fast.generate(GIVEN, to="F")[0], again, 1e-6)


def test_with_offload_denoisers_and_decoders_are_never_there_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xgem = XGeM.from_pretrained(folder, offload=True)
    vae, seen = xgem.model.components["image_vae"], []
    decode = vae.decode

    def watched(*args: object) -> object:
        seen.append(loaded(xgem.model))
        return decode(*args)

    monkeypatch.setattr(vae, "decode", watched)
    xgem.generate(GIVEN, to="F")
    assert seen == [{"image_vae"}]


def test_unloading_frees_all_and_generating_loads_again(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=False)
    (first,) = xgem.generate(GIVEN, to="F", seed=4)
    xgem.unload()
    assert loaded(xgem.model) == set()
    (again,) = xgem.generate(GIVEN, to="F", seed=4)
    assert (first.contents[FRONTAL] == again.contents[FRONTAL]).all()


def test_weights_are_the_file_itself(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=False)
    denoiser = xgem.model.parts[FRONTAL].denoiser
    with xgem.residence.present(denoiser):
        mapped = [line for line in Path("/proc/self/maps").read_text().splitlines()
                  if line.endswith("frontal_denoiser.safetensors")]  # fmt: skip
        ranges = [tuple(int(n, 16) for n in line.split()[0].split("-")) for line in mapped]
        for parameter in denoiser.parameters():
            assert any(a <= parameter.data_ptr() < b for a, b in ranges)


def test_half_an_autoencoder_can_be_completed(folder: Path, small_model: Model) -> None:
    model = build_model(small_model.config, weights=False)
    residence = Residence(model, Source(folder, read_manifest(folder)), offload=False)
    vae = model.parts[FRONTAL].autoencoder
    with residence.present(Need.decoding(vae)):
        place = next(vae.net.decoder.parameters()).data_ptr()
        with residence.present(vae):
            assert not [p for p in vae.parameters() if p.is_meta]
            assert next(vae.net.decoder.parameters()).data_ptr() == place  # not loaded twice
    expected = small_model.components["image_vae"].state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in vae.state_dict().items())


def test_what_is_in_use_is_not_let_go(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=True)
    encoder = xgem.model.parts[REPORT].prompt_encoder
    with xgem.residence.present(encoder):
        with xgem.residence.present(encoder):
            pass
        xgem.unload()
        assert loaded(xgem.model) == {"report_prompt"}
    assert loaded(xgem.model) == set()


def test_a_model_in_memory_keeps_its_weights(small_model: Model) -> None:
    before = {key: value.clone() for key, value in small_model.state_dict().items()}
    residence = Residence(small_model, offload=True)
    with residence.present(small_model.parts[FRONTAL].denoiser):
        pass
    after = small_model.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_a_damaged_file_is_named_when_it_is_needed(folder: Path) -> None:
    path = folder / "frontal_denoiser.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    xgem = XGeM.from_pretrained(folder, offload=False)
    xgem.generate(GIVEN, to="L")
    with pytest.raises(CheckpointError, match=r"frontal_denoiser\.safetensors has changed"):
        xgem.generate(GIVEN, to="F")


def test_a_component_that_is_not_there_is_named_when_it_is_needed(folder: Path) -> None:
    manifest = read_manifest(folder)
    components = dict(manifest.components)
    del components["frontal_denoiser"]
    model = build_model(ModelConfig.from_json(manifest.config), weights=False)
    source = Source(folder, manifest.model_copy(update={"components": components}))
    residence = Residence(model, source)
    denoiser = model.parts[FRONTAL].denoiser
    with pytest.raises(CheckpointError, match="no component 'frontal_denoiser'"):  # noqa: SIM117
        with residence.present(denoiser):
            pass


def test_loaded_weights_can_be_trained(folder: Path) -> None:
    xgem = XGeM.from_pretrained(folder, offload=False)
    xgem.generate(GIVEN, to="F")
    denoiser = xgem.model.parts[FRONTAL].denoiser.requires_grad_(True)
    noisy = torch.randn(1, *xgem.model.parts[FRONTAL].autoencoder.latent_shape)
    denoiser(noisy, torch.tensor([3.0]), torch.randn(1, 1, 16)).sum().backward()
    assert denoiser.last.weight.grad is not None


def test_a_velocity_network_finds_the_spread_of_latents_that_nobody_decodes_yet(
    small_model: Model, tmp_path: Path
) -> None:
    assert small_model.process.prediction is Prediction.VELOCITY
    spread = small_model.parts[FRONTAL].autoencoder.spread
    spread.copy_(torch.linspace(0.2, 1.5, spread.numel()).view_as(spread))
    weights = {name: unique_state(part) for name, part in small_model.components.items()}
    write_checkpoint(tmp_path / "model", weights, small_model.config.to_json(), {})
    (before,) = XGeM(small_model).generate(GIVEN, to="F")
    for offload in (False, True):
        (after,) = XGeM.from_pretrained(tmp_path / "model", offload=offload).generate(GIVEN, to="F")
        assert (before.contents[FRONTAL] == after.contents[FRONTAL]).all()
