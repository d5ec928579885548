"""What `xgem generate` refuses before it loads anything, each in one line."""

import subprocess
import sys

import pytest

REPORT_TEXT = "FINDINGS: Large left pleural effusion."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--report", REPORT_TEXT, "--to", "T"), "report is both input and output"),
        (("--report", ""), "is empty"),
        (("--report", "missing.txt"), "missing.txt"),
        (("--report", "."), ". is a folder"),
        (("--report", "studies/17"), "no report file studies/17"),
        (("--to", "Q"), "unknown modality 'Q'"),
        (("--to", "F+F"), "stands twice"),
        (("--frontal", "nowhere.png"), "nowhere.png does not exist"),
        (("--frontal", "."), ". is a folder"),
        (("--report", REPORT_TEXT, "--weight", "L=2"), "lateral"),
        (("--report", REPORT_TEXT, "--weight", "T=much"), "as in F=2"),
        (("--report", REPORT_TEXT, "--weight", "T=0"), "all weights are 0"),
        (("--samples", "0"), "--samples"),
        (("--steps", "many"), "--steps"),
        (("--solver", "euler"), "--solver"),
        (("--guidance-interval", "low"), "as in 0.03:0.93"),
        (("--guidance-interval", "0.9:0.1"), "the smaller one first"),
        (("--joint", "sideways"), "--joint"),
        (("--nonsense",), "--nonsense"),
        (("--again", "nothing.json"), "nothing.json"),
        (("--model", "nowhere"), "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_is_refused_in_one_line(xgem, tmp_path, options, said) -> None:
    xgem("generate", *options).was_refused(said)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(xgem, tmp_path) -> None:
    kept = tmp_path / "xgem-out" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("precious")
    xgem("generate").was_refused("xgem-out is not empty")
    assert kept.read_text() == "precious"


def test_what_can_be_refused_early_needs_no_torch(tmp_path) -> None:
    program = (
        "import sys; from xgem.cli.main import exit_code; "
        "code = exit_code(['generate', '--report', 'Clear.', '--to', 'T']); "
        "sys.exit(10 if 'torch' in sys.modules else code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False
    )
    assert ended.returncode == 2
