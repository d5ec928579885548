"""A study goes in, what it lacks comes out."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xgem.checkpoint import write_checkpoint
from xgem.data.radiograph import InputWarning, write_png
from xgem.diffusion.defaults import SamplingDefaults
from xgem.errors import CheckpointError, ConfigError, InputError, TaskError
from xgem.manifest import checkpoint_hash
from xgem.model import Model
from xgem.sampling.pipeline import XGeM
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT, Content, Modality, Study

CONTENTS: dict[Modality, Content] = {
    FRONTAL: np.random.default_rng(0).random((8, 8), dtype=np.float32),
    LATERAL: np.random.default_rng(1).random((8, 8), dtype=np.float32),
    REPORT: "FINDINGS: The heart is large.\nIMPRESSION: Cardiomegaly.",
}
TASKS = [
    (given, outputs)
    for n in range(3)
    for given in itertools.combinations(CHEST, n)
    for m in range(1, 4 - n)
    for outputs in itertools.combinations([x for x in CHEST if x not in given], m)
]


def study(*given: Modality, name: str = "case") -> Study:
    return Study(id=name, contents={modality: CONTENTS[modality] for modality in given})


@pytest.fixture
def xgem(fake_model: type) -> XGeM:
    return XGeM(fake_model())


def assert_close(first: Study, second: Study) -> None:
    """Pixels agree to 1/255, text is equal."""
    assert first.modalities == second.modalities
    for modality, content in first.contents.items():
        other = second.contents[modality]
        if isinstance(content, str):
            assert content == other
        else:
            np.testing.assert_allclose(content, other, rtol=0, atol=1 / 255)


def differ(first: Study, second: Study) -> bool:
    try:
        assert_close(first, second)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("joint", ["parallel", "chained"])
@pytest.mark.parametrize(("given", "outputs"), TASKS, ids=str)
def test_every_task_gives_exactly_its_outputs(
    xgem: XGeM, given: tuple[Modality, ...], outputs: tuple[Modality, ...], joint: str
) -> None:
    (made,) = xgem.generate(study(*given), to=outputs, joint=joint)
    assert made.modalities == outputs
    assert made.synthetic
    assert made.findings is None


def test_all_that_is_missing_is_made_where_nothing_is_named(xgem: XGeM) -> None:
    assert xgem.generate(study(FRONTAL))[0].modalities == (LATERAL, REPORT)
    assert xgem.generate()[0].modalities == CHEST


def test_samples_are_named_after_the_study_and_their_seed(xgem: XGeM) -> None:
    made = xgem.generate(study(REPORT), to="F", samples=3, seed=7)
    assert [sample.id for sample in made] == ["case-s7", "case-s8", "case-s9"]
    assert xgem.generate(to="F")[0].id == "unconditional-s0"


@pytest.mark.parametrize("joint", ["parallel", "chained"])
def test_results_do_not_depend_on_the_batch_size(xgem: XGeM, joint: str) -> None:
    given = study(REPORT)
    runs = [
        xgem.generate(given, samples=5, seed=3, batch_size=size, joint=joint) for size in (1, 2, 4)
    ]
    for made in zip(*runs, strict=True):
        for other in made[1:]:
            assert_close(made[0], other)


@pytest.mark.parametrize("joint", ["parallel", "chained"])
def test_sample_k_of_a_seed_is_sample_zero_of_seed_plus_k(xgem: XGeM, joint: str) -> None:
    made = xgem.generate(study(FRONTAL), samples=4, seed=20, joint=joint)
    for k, sample in enumerate(made):
        (alone,) = xgem.generate(study(FRONTAL), seed=20 + k, joint=joint)
        assert_close(sample, alone)
        assert sample.id == alone.id
    assert differ(made[0], made[1])


def test_the_same_call_gives_the_same_bytes(xgem: XGeM) -> None:
    first, second = (xgem.generate(study(REPORT), seed=5)[0] for _ in range(2))
    for modality, content in first.contents.items():
        assert np.array_equal(content, second.contents[modality])


def test_the_noise_of_an_output_ignores_what_else_is_asked_for(fake_model: type) -> None:
    xgem = XGeM(fake_model(coupled=False))
    (alone,) = xgem.generate(study(REPORT), to="F")
    (joint,) = xgem.generate(study(REPORT), to="F+L")
    assert np.array_equal(alone.contents[FRONTAL], joint.contents[FRONTAL])


def test_weight_zero_equals_dropping_the_input(xgem: XGeM) -> None:
    both = study(FRONTAL, REPORT)
    (dropped,) = xgem.generate(study(FRONTAL), to="L")
    (weighted,) = xgem.generate(both, to="L", weights={FRONTAL: 1.0, REPORT: 0.0})
    assert np.array_equal(dropped.contents[LATERAL], weighted.contents[LATERAL])
    (mixed,) = xgem.generate(both, to="L")
    assert differ(dropped, mixed)


def test_weights_may_be_named_by_letters(xgem: XGeM) -> None:
    given = study(FRONTAL, REPORT)
    (by_letter,) = xgem.generate(given, to="L", weights={"F": 3.0})
    (by_modality,) = xgem.generate(given, to="L", weights={FRONTAL: 3.0})
    np.testing.assert_array_equal(by_letter.contents[LATERAL], by_modality.contents[LATERAL])
    with pytest.raises(TaskError, match="unknown modality 'Q'"):
        xgem.generate(given, to="L", weights={"Q": 3.0})


def test_only_the_ratio_of_weights_matters(xgem: XGeM) -> None:
    both = study(FRONTAL, REPORT)
    first, second, third = (
        xgem.generate(both, to="L", weights=weights)[0]
        for weights in ({FRONTAL: 2.0}, {FRONTAL: 4.0, REPORT: 2.0}, {REPORT: 2.0})
    )
    assert_close(first, second)
    assert differ(first, third)


def test_prompts_and_guidance_are_heard(xgem: XGeM) -> None:
    (report,) = xgem.generate(study(REPORT), to="F")
    assert differ(report, xgem.generate(study(LATERAL), to="F")[0])
    assert differ(report, xgem.generate(to="F")[0])
    assert differ(report, xgem.generate(study(REPORT), to="F", guidance=6.0)[0])


def test_without_inputs_guidance_changes_nothing(xgem: XGeM) -> None:
    plain, guided = (xgem.generate(guidance=scale)[0] for scale in (1.0, 8.0))
    for modality, content in plain.contents.items():
        assert np.array_equal(content, guided.contents[modality])


def test_chained_reads_what_it_made(xgem: XGeM) -> None:
    encoder = xgem.model.parts[FRONTAL].prompt_encoder
    made = xgem.generate(study(REPORT), to="F+L", samples=2, joint="chained")
    seen = [content for content in encoder.seen if content is not encoder.empty]
    assert [np.array_equal(s, m.contents[FRONTAL]) for s, m in zip(seen, made, strict=True)]
    lateral_alone = xgem.generate(study(REPORT), to="L", samples=2)
    assert differ(
        Study(id="", contents={LATERAL: made[0].contents[LATERAL]}),
        Study(id="", contents={LATERAL: lateral_alone[0].contents[LATERAL]}),
    )


def test_chained_equals_generating_by_hand(xgem: XGeM) -> None:
    (made,) = xgem.generate(study(REPORT), to="F+L", joint="chained", weights={REPORT: 2.0})
    (first,) = xgem.generate(study(REPORT), to="F")
    assert_close(Study(id="", contents={FRONTAL: made.contents[FRONTAL]}), first)
    so_far = Study(id="case", contents={**study(REPORT).contents, **first.contents})
    (second,) = xgem.generate(so_far, to="L", weights={REPORT: 2.0, FRONTAL: 1.0})
    assert_close(Study(id="", contents={LATERAL: made.contents[LATERAL]}), second)


def test_chained_order_is_the_order_asked_for(xgem: XGeM) -> None:
    (made,) = xgem.generate(to=[REPORT, FRONTAL], joint="chained")
    (report,) = xgem.generate(to="T")
    assert made.contents[REPORT] == report.contents[REPORT]


def test_a_chain_says_what_is_made_first(xgem: XGeM, fake_model: type) -> None:
    (report,) = xgem.generate(to="T")
    (made,) = xgem.generate(to="F+T", joint="chained", chain="TLF")
    assert made.contents[REPORT] == report.contents[REPORT]
    recipe = SamplingDefaults(steps=4, guidance=2.0, joint="chained", chain=("T",))
    (own,) = XGeM(fake_model(sampling=recipe)).generate(to="F+T")
    assert_close(own, made)
    (other,) = XGeM(fake_model(sampling=recipe)).generate(to="F+T", chain="F")
    assert differ(other, made)
    with pytest.raises(TaskError, match="unknown modality 'X'"):
        xgem.generate(to="F+T", joint="chained", chain="TX")


def test_outputs_are_joined_as_the_model_says_unless_told_otherwise(
    xgem: XGeM, fake_model: type
) -> None:
    parallel, chained = (
        xgem.generate(study(REPORT), to="F+L", joint=joint)[0] for joint in ("parallel", "chained")
    )
    assert differ(parallel, chained)
    recipe = SamplingDefaults(steps=4, guidance=2.0, joint="chained")
    chaining = XGeM(fake_model(sampling=recipe))
    assert_close(chaining.generate(study(REPORT), to="F+L")[0], chained)
    assert_close(chaining.generate(study(REPORT), to="F+L", joint="parallel")[0], parallel)


def test_coupling_guidance_changes_joint_outputs_alone(xgem: XGeM) -> None:
    joint, deaf = (xgem.generate(study(REPORT), coupling_guidance=scale)[0] for scale in (2.0, 0.0))
    assert differ(joint, deaf)
    single = [xgem.generate(study(REPORT), to="F", coupling_guidance=w)[0] for w in (2.0, 0.0)]
    assert not differ(*single)


def test_settings_come_from_the_model_unless_given(fake_model: type) -> None:
    recipe = SamplingDefaults(
        steps=6, guidance={"F": 2.0, "T": 4.0}, coupling_guidance=2.0, eta=1.0, spacing="released"
    )
    xgem = XGeM(fake_model(sampling=recipe))
    assert xgem.settings() == recipe
    changed = {"steps": 3, "guidance": 5.0, "solver": "unipc", "coupling_guidance": 0.0}
    changed |= {"guidance_interval": (0.1, 0.9), "guidance_rescale": 0.5}
    assert xgem.settings(**changed) == SamplingDefaults(**changed)


def test_steps_are_calls_of_the_network(xgem: XGeM) -> None:
    xgem.generate(study(REPORT), to="F", steps=9)
    assert len(xgem.model.parts[FRONTAL].denoiser.calls) == 9


def test_progress_counts_up_to_its_total(xgem: XGeM) -> None:
    told: list[tuple[str, int, int]] = []
    xgem.generate(
        study(REPORT),
        samples=3,
        batch_size=2,
        joint="chained",
        progress=lambda text, done, total: told.append((text, done, total)),
    )
    counts = [done for _, done, _ in told]
    assert told[0] == ("reading the prompts", 0, 20)
    assert counts == sorted(counts)
    assert told[-1][1:] == (20, 20)
    assert {"generating frontal", "decoding lateral"} <= {text for text, _, _ in told}


def test_parallel_progress_names_all_outputs(xgem: XGeM) -> None:
    told: list[str] = []
    xgem.generate(study(REPORT), progress=lambda text, done, total: told.append(text))
    assert "generating frontal and lateral" in told


def test_nothing_is_learned_and_no_global_noise_is_drawn(xgem: XGeM) -> None:
    xgem.model.train()
    before = torch.get_rng_state()
    (made,) = xgem.generate(to="F")
    assert not xgem.model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in xgem.model.parameters())
    assert isinstance(made.contents[FRONTAL], np.ndarray)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"to": "F"}, "both input and output"),
        ({"to": "Q"}, "unknown modality 'Q'"),
        ({"samples": 0}, "0 samples"),
        ({"batch_size": 0}, "batches of 0"),
        ({"steps": 0}, "0 steps"),
        ({"steps": -3}, "-3 steps"),
        ({"weights": {LATERAL: 1.0}}, "not an input"),
        ({"weights": {FRONTAL: -1.0}}, "use 0 or more"),
        ({"weights": {FRONTAL: 0.0}}, "all weights are 0"),
        ({"guidance": float("nan")}, "guidance is nan"),
        ({"guidance": {"F": float("inf")}}, "guidance is"),
        ({"coupling_guidance": float("inf")}, "coupling guidance is inf"),
    ],
    ids=str,
)
def test_calls_that_cannot_be_done_are_refused(
    xgem: XGeM, call: dict[str, object], message: str
) -> None:
    with pytest.raises(TaskError, match=message) as raised:
        xgem.generate(study(FRONTAL), **call)
    assert "\n" not in str(raised.value)
    assert not xgem.model.parts[LATERAL].denoiser.calls


def test_a_full_study_lacks_nothing(xgem: XGeM) -> None:
    with pytest.raises(TaskError, match="nothing is missing"):
        xgem.generate(study(*CHEST))


def test_more_steps_than_the_schedule_has_are_refused(xgem: XGeM) -> None:
    with pytest.raises(ConfigError, match="use 1 to 1000"):
        xgem.generate(to="F", steps=1001)


def test_an_image_of_another_size_is_refused(xgem: XGeM) -> None:
    wrong = Study(id="case", contents={FRONTAL: np.zeros((16, 8), np.float32)})
    with pytest.raises(InputError, match="16 x 8 pixels, this model takes 8 x 8"):
        xgem.generate(wrong, to="T")


def test_a_model_without_one_modality_makes_the_others(fake_model: type) -> None:
    xgem = XGeM(fake_model(modalities=(FRONTAL, REPORT)))
    assert xgem.generate(study(FRONTAL))[0].modalities == (REPORT,)
    with pytest.raises(TaskError, match="does not know lateral"):
        xgem.generate(study(LATERAL))


@pytest.fixture
def saved(small_model: Model, tmp_path: Path) -> Path:
    """A model of real parts, on disk."""
    components = {name: part.state_dict() for name, part in small_model.components.items()}
    folder = tmp_path / "model"
    write_checkpoint(folder, components, small_model.config.to_json(), {"name": "small"})
    return folder


def test_a_model_of_real_parts_comes_back_from_disk(saved: Path, small_model: Model) -> None:
    loaded = XGeM.from_pretrained(saved)
    assert loaded.card["name"] == "small"
    assert loaded.checkpoint == checkpoint_hash(saved)
    assert not loaded.model.training
    before, after = (xgem.generate(seed=3)[0] for xgem in (XGeM(small_model), loaded))
    for modality, content in before.contents.items():
        assert np.array_equal(content, after.contents[modality])


@pytest.mark.parametrize("joint", ["parallel", "chained"])
def test_real_parts_do_not_depend_on_the_batch_size(small_model: Model, joint: str) -> None:
    given = Study(id="case", contents={REPORT: "FINDINGS: Large nodule. IMPRESSION: Edema."})
    xgem = XGeM(small_model)
    runs = [xgem.generate(given, samples=4, batch_size=size, joint=joint) for size in (1, 4)]
    for first, second in zip(*runs, strict=True):
        assert_close(first, second)
    reports = [xgem.generate(to="T", samples=4, batch_size=size) for size in (1, 4)]
    for first, second in zip(*reports, strict=True):
        assert_close(first, second)


def test_a_changed_checkpoint_is_refused(saved: Path) -> None:
    path = saved / "whitening.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="has changed"):
        XGeM.from_pretrained(saved)


def test_files_are_read_as_the_model_was_trained(small_model: Model, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("FINDINGS: Normal heart. IMPRESSION: Normal.")
    write_png(tmp_path / "frontal.png", np.random.default_rng(0).random((64, 48), np.float32))
    xgem = XGeM(small_model)
    study = xgem.read(frontal=tmp_path / "frontal.png", report=tmp_path / "report.txt")
    assert study.contents[FRONTAL].shape == (32, 32)
    (made,) = xgem.generate(study)
    assert made.modalities == (LATERAL,)


def test_a_report_that_is_too_long_is_warned_of(small_model: Model) -> None:
    long = Study(id="case", contents={REPORT: "No left effusion. " * 20})
    with pytest.warns(InputWarning, match="report: this model reads the first 22 of") as told:
        XGeM(small_model).generate(long, to="F", samples=3, batch_size=1)
    assert len(told) == 1


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"model\.json"):
        XGeM.from_pretrained(tmp_path)


def test_without_the_demonstration_model_it_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xgem.sampling.pipeline.bundled_model", lambda: tmp_path / "none")
    with pytest.raises(CheckpointError, match="xgem train tiny"):
        XGeM.from_pretrained()


def test_a_radiograph_that_may_be_real_is_warned_of(small_model: Model, tmp_path: Path) -> None:
    """In Python as on the command line, where the model knows simulated chests alone."""
    pixels = np.random.default_rng(0).integers(0, 255, (64, 48)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "frontal.png")
    xgem = XGeM(small_model, {"name": "small", "trained_on": "simulated chests"})
    with pytest.warns(InputWarning, match="small .* never seen a real radiograph; this frontal"):
        xgem.read(frontal=tmp_path / "frontal.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xgem.read(report="No effusion.")
        XGeM(small_model, {"trained_on": "patients"}).read(frontal=tmp_path / "frontal.png")
