import numpy as np
import pytest

from xgem.denoisers.coupling import CouplingMode
from xgem.errors import TaskError
from xgem.evaluation.completions import complete
from xgem.sampling.context import PromptReader
from xgem.study import FRONTAL, LATERAL, REPORT, Study


def only(study: Study, *modalities) -> Study:
    return Study(id=study.id, contents={m: study.contents[m] for m in modalities}, synthetic=True)


@pytest.mark.parametrize(
    ("given", "to"), [((FRONTAL,), "T"), ((REPORT,), "F+L"), ((FRONTAL, LATERAL), "T"), ((), "F")]
)
def test_together_they_are_what_they_are_one_by_one(xgem, studies, given, to):
    inputs = [only(study, *given) for study in studies]
    for place, made in enumerate(complete(xgem, inputs, to, batch_size=2)):
        (alone,) = xgem.generate(inputs[place], to=to, seed=place)
        assert made.id == alone.id
        assert made.synthetic
        for modality in alone.modalities:
            if isinstance(alone.contents[modality], str):
                assert made.contents[modality] == alone.contents[modality]
            else:
                difference = np.abs(made.contents[modality] - alone.contents[modality]).max()
                assert difference < 1 / 255


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({"joint": "chained", "chain": "FL"}, {REPORT, FRONTAL}),
        ({"joint": "chained", "chain": "LF"}, {REPORT, LATERAL}),
        ({"joint": "parallel"}, {REPORT}),
    ],
)
def test_chained_outputs_are_prompts_here_too(xgem, studies, monkeypatch, settings, read):
    encode, told = PromptReader.encode, set()

    def listening(reader, modality, contents):
        told.add(modality)
        return encode(reader, modality, contents)

    monkeypatch.setattr(PromptReader, "encode", listening)
    (made,) = complete(xgem, [only(studies[0], REPORT)], "F+L", **settings)
    assert told == read
    (alone,) = xgem.generate(only(studies[0], REPORT), to="F+L", seed=0, **settings)
    for view in (FRONTAL, LATERAL):
        np.testing.assert_allclose(made.contents[view], alone.contents[view], atol=1 / 255)


def test_the_first_seed_and_the_coupling_are_those_of_generate(xgem, studies):
    inputs = [only(study, REPORT) for study in studies]
    settings = {"joint": "parallel", "coupling": "own"}
    made = complete(xgem, inputs, "F+L", seed=40, batch_size=2, **settings)
    (alone,) = xgem.generate(inputs[2], to="F+L", seed=42, **settings)
    assert made[2].id == alone.id
    for view in (FRONTAL, LATERAL):
        assert np.abs(made[2].contents[view] - alone.contents[view]).max() < 1 / 255


@pytest.mark.parametrize("coupling", ["own", "cross", None])
def test_the_coupling_that_is_asked_for_is_taken(xgem, studies, monkeypatch, coupling):
    denoise, heard = type(xgem).denoise, []

    def listening(self, contexts, seeds, settings, mode=None, on_step=lambda: None):
        heard.append(mode)
        return denoise(self, contexts, seeds, settings, mode, on_step)

    monkeypatch.setattr(type(xgem), "denoise", listening)
    complete(xgem, [only(studies[0], REPORT)], "F+L", joint="parallel", coupling=coupling)
    assert heard == [None if coupling is None else CouplingMode(coupling)]


def test_progress_counts_studies(xgem, studies):
    told = []
    complete(
        xgem,
        [only(study, FRONTAL) for study in studies],
        "L",
        batch_size=2,
        steps=1,
        progress=lambda *step: told.append(step),
    )
    assert told == [("generating F->L", 2, 3), ("generating F->L", 3, 3)]


def test_studies_with_different_gaps_are_refused(xgem, studies):
    mixed = [only(studies[0], FRONTAL), only(studies[1], LATERAL)]
    with pytest.raises(TaskError, match=r"different ways .*same modalities"):
        complete(xgem, mixed, "T")


def test_no_studies_are_completed_at_once(xgem):
    assert complete(xgem, [], "T") == []
