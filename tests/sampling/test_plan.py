"""Tasks become stages."""

import itertools

import pytest

from xgem.errors import TaskError
from xgem.sampling.plan import Stage, plan_stages, resolve_task
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT, Modality, Task

OTHER = Modality("C", "ct")


@pytest.mark.parametrize(
    "given", [g for n in range(3) for g in itertools.combinations(CHEST, n)], ids=str
)
def test_everything_missing_is_asked_for(given: tuple[Modality, ...]) -> None:
    task = resolve_task(given, None, CHEST)
    assert task.inputs == given
    assert set(task.outputs) == set(CHEST) - set(given)


def test_outputs_are_named_by_letters_or_values() -> None:
    assert resolve_task([FRONTAL], "t+l", CHEST) == Task((FRONTAL,), (LATERAL, REPORT))
    assert resolve_task([FRONTAL], [REPORT, LATERAL], CHEST).outputs == (REPORT, LATERAL)


@pytest.mark.parametrize(
    ("given", "to", "message"),
    [
        (CHEST, None, "nothing is missing"),
        ((FRONTAL,), "F", "both input and output"),
        ((FRONTAL,), "X", "unknown modality 'X'"),
        ((FRONTAL,), "", "asks for nothing"),
        ((FRONTAL,), [], "asks for nothing"),
        ((FRONTAL,), [OTHER], "does not know ct; it knows F"),
        ((OTHER,), "F", "does not know ct"),
        ((FRONTAL,), [LATERAL, LATERAL], "stands twice"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused(given: object, to: object, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        resolve_task(given, to, CHEST)


def test_parallel_is_one_stage() -> None:
    (stage,) = plan_stages(Task((REPORT,), (FRONTAL, LATERAL)))
    assert stage == Stage((FRONTAL, LATERAL), {REPORT: 1.0})


def test_nothing_given_is_no_prompt() -> None:
    (stage,) = plan_stages(Task((), CHEST))
    assert stage.prompts == {}


def test_chained_outputs_become_prompts() -> None:
    stages = plan_stages(Task((REPORT,), (FRONTAL, LATERAL)), {REPORT: 2.0}, "chained")
    assert stages == (
        Stage((FRONTAL,), {REPORT: 2.0}),
        Stage((LATERAL,), {REPORT: 2.0, FRONTAL: 1.0}),
    )


def test_chained_without_inputs_starts_without_prompts() -> None:
    stages = plan_stages(Task((), CHEST), joint="chained")
    assert [stage.outputs for stage in stages] == [(FRONTAL,), (LATERAL,), (REPORT,)]
    assert [set(stage.prompts) for stage in stages] == [set(), {FRONTAL}, {FRONTAL, LATERAL}]


def test_a_chain_says_what_comes_first() -> None:
    stages = plan_stages(Task((), CHEST), joint="chained", chain=("T",))
    assert [stage.outputs for stage in stages] == [(REPORT,), (FRONTAL,), (LATERAL,)]
    assert [set(stage.prompts) for stage in stages] == [set(), {REPORT}, {REPORT, FRONTAL}]


def test_a_chain_names_what_is_not_made() -> None:
    stages = plan_stages(
        Task((REPORT,), (FRONTAL, LATERAL)), joint="chained", chain=("T", "L", "F")
    )
    assert [stage.outputs for stage in stages] == [(LATERAL,), (FRONTAL,)]


def test_weight_zero_drops_an_input() -> None:
    dropped = plan_stages(Task((FRONTAL, REPORT), (LATERAL,)), {REPORT: 0.0})
    assert dropped == plan_stages(Task((FRONTAL,), (LATERAL,)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({LATERAL: 1.0}, "not an input"),
        ({FRONTAL: -1.0}, "use 0 or more"),
        ({FRONTAL: float("nan")}, "use 0 or more"),
        ({FRONTAL: float("inf")}, "use 0 or more"),
        ({FRONTAL: 0.0, REPORT: 0.0}, "all weights are 0"),
    ],
    ids=str,
)
def test_weights_that_mean_nothing_are_refused(
    weights: dict[Modality, float], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        plan_stages(Task((FRONTAL, REPORT), (LATERAL,)), weights)
