import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from xgem.errors import DivergenceError, OutputError
from xgem.training import divergence, loop, state
from xgem.training.ema import Ema
from xgem.training.loop import Training, train_stage


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def steps_of(folder: Path) -> list[tuple[float, ...]]:
    """What must not depend on interruptions."""
    keys = ("step", "loss", "rate", "norm", "validation")
    return [tuple(record.get(key, -1.0) for key in keys) for record in lines(folder)]


def weights(stage) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in stage.trained.parameters()])


def test_it_learns_and_leaves_curves_and_pictures(line, brief, tmp_path: Path) -> None:
    stage = line()
    seen: list[int] = []
    train_stage(
        stage, replace(brief, steps=80), tmp_path, 0, lambda text, done, total: seen.append(done)
    )
    records = lines(tmp_path)
    assert [record["step"] for record in records] == list(range(1, 81)) == seen
    held_out = [record["validation"] for record in records if "validation" in record]
    assert held_out[-1] < 0.3 * held_out[0]
    assert (tmp_path / "loss.png").stat().st_size > 1000
    assert (tmp_path / "samples.png").exists()
    assert stage.finished == 1
    looked = [record for record in records if "seconds" in record]
    assert all(record["seconds_left"] >= 0 < record["peak_gigabytes"] for record in looked)
    assert looked[-1]["seconds_left"] == 0


@pytest.mark.parametrize("fail_at", [3, 4, 9, 11])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_resumed_run_takes_the_same_steps(
    line, brief, tmp_path: Path, fail_at: int, precision
) -> None:
    whole, broken, optimization = line(), line(fail_at), replace(brief, precision=precision)
    train_stage(whole, optimization, tmp_path / "whole", 0)
    with pytest.raises(KeyboardInterrupt):
        train_stage(broken, optimization, tmp_path / "resumed", 0)
    resumed = line()
    train_stage(resumed, optimization, tmp_path / "resumed", 0)
    assert steps_of(tmp_path / "resumed") == steps_of(tmp_path / "whole")
    assert torch.equal(weights(whole), weights(resumed))


def test_a_run_that_ended_between_saving_and_noting_lacks_no_record(
    line, brief, tmp_path: Path
) -> None:
    train_stage(line(), brief, tmp_path / "whole", 0)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    text = (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()
    # Step 8 was saved, but its record was cut short.
    shutil.rmtree(tmp_path / "cut" / "states" / "step-00000012")
    (tmp_path / "cut" / "metrics.jsonl").write_text("\n".join(text[:7]) + "\n" + text[7][:9])
    train_stage(line(), brief, tmp_path / "cut", 0)
    assert steps_of(tmp_path / "cut") == steps_of(tmp_path / "whole")


def test_a_loss_that_is_not_finite_stops_and_says_where(line, brief, tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match=r"line: loss is not finite at step 7 \(fit nan\)"):
        train_stage(line(infinite_at=7), brief, tmp_path, 0)
    assert lines(tmp_path)[-1]["step"] == 7
    assert (tmp_path / "diverged-00000007" / "step.json").exists()


def test_a_gradient_that_is_not_finite_stops_before_it_is_followed(
    line, brief, tmp_path: Path
) -> None:
    with pytest.raises(DivergenceError, match="gradient is not finite at step 5"):
        train_stage(line(steep_at=5), brief, tmp_path, 0)
    record = json.loads((tmp_path / "diverged-00000005" / "step.json").read_text())
    assert record["gradients_not_finite"] == ["trained.line.0.weight"]


def test_a_scaled_loss_that_overflows_skips_a_step_and_is_scaled_less(
    line, brief, tmp_path: Path
) -> None:
    training = Training(line(), replace(brief, precision="fp16"), tmp_path, 0)
    training.scaler.load_state_dict({**training.scaler.state_dict(), "scale": 2.0**20})
    training.run()
    records = lines(tmp_path)
    assert records[0]["skipped"] == 1
    assert "norm" not in records[0]
    assert "skipped" not in records[-1]
    assert training.scaler.get_scale() < 2.0**20


def test_a_step_that_was_skipped_is_not_averaged(line, brief, tmp_path: Path) -> None:
    training = Training(line(), replace(brief, precision="fp16"), tmp_path, 0)
    training.scaler.load_state_dict({**training.scaler.state_dict(), "scale": 2.0**20})
    training.ema = Ema(training.learner, 0.5)
    for average in training.ema.average.values():
        average.zero_()
    assert training.step(training._batches(training.done))["skipped"] == 1
    assert not any(average.any() for average in training.ema.average.values())


@pytest.mark.parametrize("passes", [2, 3, 8])
def test_accumulated_passes_take_the_steps_of_whole_batches(
    line, brief, tmp_path: Path, passes: int
) -> None:
    train_stage(line(), brief, tmp_path / "whole", 0)
    train_stage(line(), replace(brief, accumulate=passes), tmp_path / "passes", 0)
    found, expected = (torch.tensor(steps_of(tmp_path / name)) for name in ("passes", "whole"))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_without_an_average_the_last_weights_are_kept(line, brief, tmp_path: Path) -> None:
    training = Training(line(), replace(brief, ema=0.0), tmp_path, 0)
    training.run()
    assert training.ema is None
    (newest,) = list((tmp_path / "states").glob("step-00000012"))
    assert not (newest / "average").exists()


def test_what_is_looked_at_are_the_averaged_weights(line, brief, tmp_path: Path) -> None:
    training = Training(line(), brief, tmp_path, 0)
    training.run()
    again = line()
    with torch.no_grad():
        for parameter, average in zip(
            again.trained.parameters(), training.ema.average.values(), strict=True
        ):
            parameter.copy_(average)
    seen = again.validation_loss(training.place.split)["fit"].item()
    assert lines(tmp_path)[-1]["validation"] == pytest.approx(seen, rel=1e-5)


def test_the_last_states_and_the_best_are_kept(line, brief, tmp_path: Path) -> None:
    stage = line()
    values = iter([3.0, 1.0, 2.0, 4.0, 5.0, 6.0])
    stage.validation_loss = lambda split: {"fit": torch.tensor(next(values))}
    train_stage(stage, replace(brief, steps=24, keep=2), tmp_path, 0)
    kept = sorted(path.name for path in (tmp_path / "states").iterdir())
    assert kept == ["step-00000008", "step-00000020", "step-00000024"]


def test_a_validation_loss_that_is_no_number_is_not_the_best(line, brief, tmp_path: Path) -> None:
    stage = line()
    values = iter([math.nan, 2.0, 3.0])
    stage.validation_loss = lambda split: {"fit": torch.tensor(next(values))}
    training = Training(stage, brief, tmp_path, 0)
    training.run()
    assert training.best == (2.0, 8)


def test_a_full_disk_leaves_the_states_before_it(line, brief, tmp_path: Path, monkeypatch) -> None:
    writes = iter([None] * 5)

    def fills(tensors, path):
        if next(writes, "full") == "full":
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(tensors, path)

    save = state.save_file
    monkeypatch.setattr(state, "save_file", fills)
    with pytest.raises(OutputError, match=r"No space left.*--resume"):
        train_stage(line(), brief, tmp_path / "run", 0)
    monkeypatch.setattr(state, "save_file", save)
    assert [path.name for path in (tmp_path / "run" / "states").iterdir()] == ["step-00000004"]
    train_stage(line(), brief, tmp_path / "run", 0)
    train_stage(line(), brief, tmp_path / "whole", 0)
    assert steps_of(tmp_path / "run") == steps_of(tmp_path / "whole")


def test_a_picture_that_cannot_be_written_is_said(line, brief, tmp_path: Path) -> None:
    (tmp_path / "samples.png").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*samples.png"):
        train_stage(line(), brief, tmp_path, 0)


def test_a_step_that_is_not_finite_is_told_though_the_disk_is_full(
    line, brief, tmp_path: Path, monkeypatch
) -> None:
    def full(tensors, path):
        path.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(divergence, "save_file", full)
    said = r"line: loss is not finite at step 7 .*cannot be kept: .*No space left.*learning_rate="
    with pytest.raises(OutputError, match=said):
        train_stage(line(infinite_at=7), brief, tmp_path, 0)
    assert not list(tmp_path.glob("diverged-*"))


def test_activations_that_are_computed_again_change_no_step(line, brief, tmp_path: Path) -> None:
    train_stage(line(), brief, tmp_path / "plain", 0)
    again = replace(brief, checkpoint_activations=True)
    train_stage(line(), again, tmp_path / "again", 0)
    assert steps_of(tmp_path / "plain") == steps_of(tmp_path / "again")


def test_states_in_half_precision_come_back_too(line, brief, tmp_path: Path) -> None:
    halved = replace(brief, states="bf16", precision="bf16")
    train_stage(line(), halved, tmp_path / "whole", 0)
    with pytest.raises(KeyboardInterrupt):
        train_stage(line(fail_at=6), halved, tmp_path / "resumed", 0)
    training = Training(line(), halved, tmp_path / "resumed", 0)
    assert {p.dtype for p in training.parameters.values()} == {torch.bfloat16}
    training.run()
    assert steps_of(tmp_path / "resumed") == steps_of(tmp_path / "whole")


def test_the_loop_is_one_file_that_knows_no_modality() -> None:
    source = Path(loop.__file__).read_text()
    assert not any(word in source for word in ("frontal", "report", "image", "Modality"))
