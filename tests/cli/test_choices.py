from datetime import UTC, datetime

import pytest

from xgem.cli.choices import Choices, parse_interval, parse_weights
from xgem.errors import ConfigError, TaskError
from xgem.sampling.provenance import Checkpoint, Provenance
from xgem.study import FRONTAL, LATERAL, REPORT

EARLIER = Provenance(
    checkpoint=Checkpoint(name="tiny", hash="0123456789ab"),
    task="F+T->L",
    weights={"F": 2.0, "T": 1.0},
    seed=9,
    steps=12,
    solver="ddim",
    guidance={"F": 3.0, "T": 1.5},
    joint="parallel",
    coupling="cross",
    coupling_guidance=1.0,
    preprocessing="128 x 128, policy xgem",
    inputs={"F": "a" * 64, "T": "b" * 64},
    time=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_weights_are_read_by_modality() -> None:
    assert parse_weights(["F=2", "t = 0.5"]) == {FRONTAL: 2.0, REPORT: 0.5}
    assert parse_weights([]) is None


@pytest.mark.parametrize("text", ["F", "F=", "F=two", "2", "=2", "F+L=2"])
def test_a_weight_without_a_number_is_refused(text) -> None:
    with pytest.raises(ConfigError, match="as in F=2"):
        parse_weights([text])


def test_one_modality_has_one_weight() -> None:
    with pytest.raises(ConfigError, match="--weight F stands twice"):
        parse_weights(["F=1", "f=2"])


def test_an_interval_is_two_numbers() -> None:
    assert parse_interval("0.03:0.93") == (0.03, 0.93)
    assert parse_interval(None) is None
    for text in ("0.03", "low:high", ":1", "0.1:0.2:0.3"):
        with pytest.raises(ConfigError, match=r"as in 0\.03:0\.93"):
            parse_interval(text)
    with pytest.raises(ConfigError, match=r"from 0\.9 to 0\.1; give .* the smaller one first"):
        parse_interval("0.9:0.1")


def test_a_weight_of_an_unknown_modality_is_refused() -> None:
    with pytest.raises(TaskError, match="unknown modality"):
        parse_weights(["Q=1"])


def test_an_earlier_sample_brings_all_its_choices_back() -> None:
    choices = Choices().repeating(EARLIER)
    assert choices == Choices(
        to=(LATERAL,),
        weights={FRONTAL: 2.0, REPORT: 1.0},
        samples=1,
        seed=9,
        steps=12,
        guidance={"F": 3.0, "T": 1.5},
        solver="ddim",
        joint="parallel",
        coupling="cross",
        coupling_guidance=1.0,
        guidance_interval=(0.0, 1.0),
        guidance_rescale=0.0,
    )


@pytest.mark.parametrize(
    "said",
    [
        Choices(seed=9),
        Choices(samples=1, to=(LATERAL,)),
        Choices(weights={FRONTAL: 2.0}),
        Choices(solver="ddim", steps=12, joint="parallel", coupling_guidance=1.0),
    ],
    ids=["seed", "to", "one weight of two", "the rest"],
)
def test_saying_the_same_again_is_no_contradiction(said) -> None:
    assert said.repeating(EARLIER) == Choices().repeating(EARLIER)


@pytest.mark.parametrize(
    ("said", "option"),
    [
        (Choices(seed=0), "--seed 0"),
        (Choices(coupling_guidance=2.0), "--coupling-guidance 2.0"),
        (Choices(weights={REPORT: 2.0}), "--weight F=2 T=2"),
        (Choices(guidance=3.0), "--guidance 3.0"),
        (Choices(guidance_interval=(0.25, 1.0)), "--guidance-interval 0.25:1"),
        (Choices(guidance_rescale=0.5), "--guidance-rescale 0.5"),
    ],
    ids=["seed", "coupling", "weight", "guidance", "interval", "rescale"],
)
def test_saying_something_else_is(said, option) -> None:
    with pytest.raises(ConfigError, match=f"^{option} contradicts .* leave that option out$"):
        said.repeating(EARLIER)
