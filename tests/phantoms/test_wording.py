"""A report mentions what is there, with its side and site, and nothing else."""

import re

import pytest

from xgem.phantoms.findings import LABELS, sample_findings
from xgem.phantoms.wording import describe
from xgem.study import Finding

SEEDS = range(600)
MENTIONS = {
    "Cardiomegaly": r"cardiomegaly|cardiac enlargement|enlarged",
    "Pleural Effusion": r"pleural effusion",
    "Pneumothorax": r"pneumothorax",
    "Consolidation": r"consolidation",
    "Edema": r"edema",
    "Lung Lesion": r"nodule|mass",
    "Pacemaker": r"pacemaker",
    "Central Line": r"central (venous )?(line|catheter)",
}
DENIAL = re.compile(r"\b(no|without)\b")


def sections(report: str) -> tuple[list[str], list[str]]:
    """The sentences of the findings and of the impression, in small letters."""
    found = re.fullmatch(r"FINDINGS: (.+)\nIMPRESSION: (.+)", report)
    assert found, report
    first, second = (re.split(r"(?<=\.) ", part.lower()) for part in found.groups())
    return first, second


def affirmed(sentences: list[str], label: str) -> list[str]:
    """The sentences that say that ``label`` is there."""
    return [s for s in sentences if re.search(MENTIONS[label], s) and not DENIAL.search(s)]


@pytest.fixture(scope="module")
def reports() -> list[tuple[tuple[Finding, ...], str]]:
    return [(sample_findings(seed), describe(sample_findings(seed), seed)) for seed in SEEDS]


def test_each_section_affirms_exactly_the_findings(
    reports: list[tuple[tuple[Finding, ...], str]],
) -> None:
    for findings, report in reports:
        present = {f.label for f in findings}
        for sentences in sections(report):
            said = {label for label in LABELS if affirmed(sentences, label)}
            assert said == present, report


def test_no_finding_is_both_affirmed_and_denied(
    reports: list[tuple[tuple[Finding, ...], str]],
) -> None:
    for findings, report in reports:
        denied = " ".join(s for part in sections(report) for s in part if DENIAL.search(s))
        for finding in findings:
            assert not re.search(MENTIONS[finding.label], denied), report
            if finding.label in ("Consolidation", "Edema", "Lung Lesion"):
                assert "lungs are clear" not in report.lower()
            if finding.label == "Cardiomegaly":
                assert "normal in size" not in report


def test_side_and_site_are_always_said(reports: list[tuple[tuple[Finding, ...], str]]) -> None:
    for findings, report in reports:
        for place, sentences in enumerate(sections(report)):
            for finding in findings:
                (sentence,) = affirmed(sentences, finding.label)
                lead = re.split(r"leads? (in|ending)|\bin the right (atrium|ventricle)", sentence)
                if finding.side:
                    other = {"left": "right", "right": "left"}.get(finding.side, "left")
                    assert finding.side in sentence, report
                    assert not re.search(rf"\b{other}\b", lead[0]), report
                is_device = finding.label in ("Pacemaker", "Central Line")
                if finding.site and not (place == 1 and is_device):
                    assert finding.site in sentence, report


def test_reports_are_short_and_use_few_words(
    reports: list[tuple[tuple[Finding, ...], str]],
) -> None:
    lengths = [len(report.split()) for _, report in reports]
    assert min(lengths) >= 25
    assert max(lengths) <= 70
    assert sum(length > 62 for length in lengths) <= 0.01 * len(lengths)
    assert len({w for _, report in reports for w in re.findall(r"[a-z-]+", report.lower())}) < 350


def test_a_report_follows_from_its_seed_and_varies_with_it() -> None:
    findings = (Finding(label="Consolidation", side="left", site="lower", severity=0.6),)
    assert describe(findings, 4) == describe(findings, 4)
    assert len({describe(findings, seed) for seed in range(50)}) > 40


def test_faint_findings_are_hedged_and_strong_ones_are_not() -> None:
    hedge = re.compile(r"possible|probable|cannot be excluded|may represent", re.IGNORECASE)

    def share(severity: float) -> float:
        finding = Finding(label="Pneumothorax", side="left", severity=severity)
        return sum(bool(hedge.search(describe((finding,), s))) for s in range(100)) / 100

    assert 0.5 < share(0.2) < 1
    assert share(0.5) == 0


@pytest.mark.parametrize(
    ("severity", "word"), [(0.35, "small"), (0.55, "moderate"), (0.9, "large")]
)
def test_size_words_follow_severity(severity: float, word: str) -> None:
    finding = Finding(label="Pleural Effusion", side="bilateral", severity=severity)
    for seed in range(20):
        findings, impression = sections(describe((finding,), seed))
        assert word in affirmed(findings, "Pleural Effusion")[0]
        assert word in affirmed(impression, "Pleural Effusion")[0]
