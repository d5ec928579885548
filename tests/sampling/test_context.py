"""Prompts and what stands for their absence."""

import pytest
import torch
from torch import Tensor

from xgem.sampling.context import PromptReader
from xgem.study import FRONTAL, LATERAL, REPORT


@pytest.fixture
def reader(fake_model: type) -> PromptReader:
    return PromptReader(fake_model())


@pytest.fixture
def vectors(reader: PromptReader) -> dict[object, Tensor]:
    return {
        REPORT: reader.encode(REPORT, ["the heart is large"]),
        FRONTAL: reader.encode(FRONTAL, [torch.rand(8, 8).numpy()]),
    }


def test_mixing_one_prompt_equals_that_prompt(reader: PromptReader, vectors: dict) -> None:
    context = reader.context(LATERAL, vectors, {REPORT: 5.0}, batch=3)
    assert context.prompt.shape == (3, 1, 6)
    torch.testing.assert_close(context.prompt, vectors[REPORT][:, None].expand(3, 1, 6))


def test_only_relative_weights_matter(reader: PromptReader, vectors: dict) -> None:
    small = reader.context(LATERAL, vectors, {REPORT: 1.0, FRONTAL: 3.0}, 1)
    large = reader.context(LATERAL, vectors, {REPORT: 10.0, FRONTAL: 30.0}, 1)
    torch.testing.assert_close(small.prompt, large.prompt)
    expected = 0.25 * vectors[REPORT] + 0.75 * vectors[FRONTAL]
    torch.testing.assert_close(small.prompt[0], expected)


def test_the_unconditional_branch_mixes_empty_prompts_alike(
    reader: PromptReader, vectors: dict
) -> None:
    context = reader.context(LATERAL, vectors, {REPORT: 1.0, FRONTAL: 3.0}, 1)
    expected = 0.25 * reader.empty(REPORT) + 0.75 * reader.empty(FRONTAL)
    assert context.unconditional is not None
    torch.testing.assert_close(context.unconditional[0], expected)


def test_no_prompt_is_the_mean_of_the_other_modalities_empty_prompts(reader: PromptReader) -> None:
    context = reader.context(LATERAL, {}, {}, batch=2)
    expected = (reader.empty(FRONTAL) + reader.empty(REPORT)) / 2
    torch.testing.assert_close(context.prompt, expected[:, None].expand(2, 1, 6))
    assert context.unconditional is None


def test_a_model_of_one_modality_can_do_without_prompts(fake_model: type) -> None:
    reader = PromptReader(fake_model(modalities=(FRONTAL,)))
    context = reader.context(FRONTAL, {}, {}, batch=1)
    torch.testing.assert_close(context.prompt[0], reader.empty(FRONTAL))


def test_each_sample_may_have_a_prompt_of_its_own(reader: PromptReader, vectors: dict) -> None:
    own = {**vectors, FRONTAL: torch.randn(3, 6)}
    context = reader.context(LATERAL, own, {REPORT: 1.0, FRONTAL: 1.0}, batch=3)
    torch.testing.assert_close(context.prompt[:, 0], (vectors[REPORT] + own[FRONTAL]) / 2)


def test_prompts_are_whitened(fake_model: type) -> None:
    model = fake_model()
    raw = model.parts[REPORT].prompt_encoder
    expected = model.whitening(raw(raw.collate(["effusion"])))
    torch.testing.assert_close(PromptReader(model).encode(REPORT, ["effusion"]), expected)
