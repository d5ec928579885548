"""A report says what is there and nothing else; a fifth of all phrases is held out."""

import re
from collections import Counter

import pytest

from xgem.data.labels import Assertion, findings_of, read_labels
from xgem.phantoms.findings import DEVICES, EDGE, LABELS, sample_findings
from xgem.phantoms.wording import LONGEST, describe, phrases
from xgem.study import Finding

SEEDS = range(800)
SIDED = {f for f in LABELS if f not in ("Cardiomegaly", "Edema", "Hyperinflation")}
SIDED -= {"Enlarged Cardiomediastinum"}
HEDGE = re.compile(
    r"possibl|probabl|cannot be excluded|may |suspected|question|borderline|upper limit|likely"
    r"|suggest|equivocal",
    re.IGNORECASE,
)


def parts(report: str) -> tuple[str, str]:
    """Findings and impression."""
    found = re.fullmatch(r"FINDINGS: (.+)\nIMPRESSION: (.+)", report)
    assert found, report
    return found[1], found[2]


@pytest.mark.parametrize("held_out", [False, True])
def test_each_section_affirms_exactly_the_findings(held_out: bool) -> None:
    for seed in SEEDS:
        findings = sample_findings(seed)
        report = describe(findings, seed, held_out=held_out)
        for section in parts(report):
            said = {f.label for f in findings_of(section)}
            assert said == {f.label for f in findings}, report


def test_no_finding_is_both_affirmed_and_denied() -> None:
    for seed in SEEDS:
        report = describe(sample_findings(seed), seed)
        denied = {
            label
            for label, statement in read_labels(parts(report)[0]).items()
            if statement.assertion is Assertion.ABSENT
        }
        assert not denied & {f.label for f in sample_findings(seed)}, report


def test_sides_are_said_in_both_sections() -> None:
    for seed in SEEDS:
        findings = sample_findings(seed)
        for section in parts(describe(findings, seed)):
            read = {f.label: f.side for f in findings_of(section)}
            for finding in findings:
                if finding.label in SIDED:
                    assert read[finding.label] == finding.side, section


def test_reports_are_short_and_use_few_words() -> None:
    reports = [describe(sample_findings(seed), seed) for seed in SEEDS]
    lengths = [len(report.split()) for report in reports]
    assert min(lengths) >= 22
    assert sum(length > LONGEST + 2 for length in lengths) <= 0.015 * len(lengths)
    assert max(lengths) <= 100
    assert len({w for r in reports for w in re.findall(r"[a-z-]+", r.lower())}) < 450


def test_a_report_follows_from_its_seed_and_varies_with_it() -> None:
    findings = (Finding(label="Consolidation", side="left", site="lower", severity=0.6),)
    assert describe(findings, 4) == describe(findings, 4)
    assert len({describe(findings, seed) for seed in range(50)}) > 45


def test_a_fifth_of_several_hundred_phrases_is_held_out() -> None:
    trained, held_out = phrases(held_out=False), phrases(held_out=True)
    assert len(trained | held_out) > 400
    assert not trained & held_out
    assert 0.15 < len(held_out) / len(trained | held_out) < 0.22


def test_no_training_report_uses_what_is_held_out() -> None:
    """Of phrases into which nothing is filled, which stand in reports as they are."""
    for held_out in (False, True):
        written = [describe(sample_findings(seed), seed, held_out=held_out) for seed in range(2000)]
        used = {s for r in written for part in parts(r) for s in re.split(r"(?<=\.) ", part)}
        fixed = {p for p in phrases(held_out=not held_out) if "{" not in p}
        assert len(fixed) > 15
        assert not used & fixed


def test_faint_findings_are_hedged_and_strong_ones_are_not() -> None:
    def share(label: str, severity: float) -> float:
        finding = Finding(label=label, side="left", site="lower", severity=severity)
        return sum(bool(HEDGE.search(describe((finding,), s))) for s in range(60)) / 60

    for label in LABELS:
        if label not in DEVICES:
            assert share(label, EDGE / 2) > 0.7, label
            assert share(label, 0.5) == 0, label


@pytest.mark.parametrize(("severity", "word"), [(0.3, "small"), (0.55, "moderate"), (0.9, "large")])
def test_size_words_follow_severity(severity: float, word: str) -> None:
    finding = Finding(label="Pleural Effusion", side="bilateral", severity=severity)
    for seed in range(20):
        for section in parts(describe((finding,), seed)):
            assert word in section.lower()


def test_every_finding_is_spoken_of_in_many_ways() -> None:
    spoken = Counter()
    for label in LABELS:
        finding = Finding(label=label, side="left", site="lower", severity=0.5)
        for seed in range(120):
            impression = parts(describe((finding,), seed))[1]
            spoken[label] += 0
            spoken[label, impression] += 1
    for label in LABELS:
        assert sum(1 for key in spoken if isinstance(key, tuple) and key[0] == label) >= 4
