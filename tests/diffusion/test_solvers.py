"""Every solver against mathematics: perfect denoisers, and data whose answer is known."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from xgem.diffusion.ddim import ddim_timesteps, trailing_timesteps
from xgem.diffusion.defaults import SolverName
from xgem.diffusion.process import (
    Prediction,
    Process,
    ScheduleConfig,
    add_noise,
    alpha_bar,
    target,
)
from xgem.diffusion.solvers import Solver, make_solver
from xgem.errors import ConfigError

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"  # in diffusers
)
SOLVERS = pytest.mark.parametrize("name", get_args(SolverName))
PREDICTIONS = pytest.mark.parametrize("prediction", list(Prediction), ids=lambda p: p.value)
SCHEDULES = pytest.mark.parametrize("kind", ["scaled_linear", "cosine"])


def denoise(solver: Solver, process: Process, latent: Tensor, clean_of: object) -> Tensor:
    """Run a solver with a denoiser that knows the clean latent of every noisy one."""
    levels = alpha_bar(process.schedule)
    for index, timestep in enumerate(solver.timesteps):
        level = levels[timestep : timestep + 1]
        clean = clean_of(latent, level)
        noise = ((latent - level.sqrt() * clean) / (1 - level).sqrt()).to(latent)
        latent = solver.step(index, latent, target(clean, noise, level, process.prediction))
    return latent


@SOLVERS
@PREDICTIONS
@SCHEDULES
@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_a_perfect_denoiser_recovers_the_clean_latent(
    name: SolverName, prediction: Prediction, kind: str, steps: int
) -> None:
    process = Process(schedule=ScheduleConfig(kind=kind), prediction=prediction)
    solver = make_solver(name, process, steps)
    clean, noise = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    start = add_noise(clean, noise, alpha_bar(process.schedule)[-1:])
    found = denoise(solver, process, start, lambda latent, level: clean)
    torch.testing.assert_close(found, clean, rtol=0, atol=1e-4)


def gaussian_error(
    name: SolverName, steps: int, prediction: Prediction, kind: str = "cosine"
) -> float:
    """Distance from the exact answer for data that is normal with standard deviation 0.5.

    There the best denoiser is linear, and the probability flow scales a latent by the ratio of
    the standard deviations of noisy and clean data.
    """
    process = Process(schedule=ScheduleConfig(kind=kind), prediction=prediction)
    variance = 0.25
    latent = torch.randn(1, 32, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def best(noisy: Tensor, level: Tensor) -> Tensor:
        return level.sqrt() * variance / (level * variance + 1 - level) * noisy

    last = alpha_bar(process.schedule)[-1]
    exact = latent * (variance / (last * variance + 1 - last)).sqrt()
    found = denoise(make_solver(name, process, steps), process, latent, best)
    return ((found - exact).norm() / exact.norm()).item()


@SOLVERS
@PREDICTIONS
@SCHEDULES
def test_more_steps_come_closer_to_the_exact_answer(
    name: SolverName, prediction: Prediction, kind: str
) -> None:
    few, many = (gaussian_error(name, steps, prediction, kind) for steps in (10, 40))
    assert many < few / 3
    assert many < 0.08


def test_ddim_is_first_order() -> None:
    few, many = (gaussian_error("ddim", steps, Prediction.VELOCITY) for steps in (20, 40))
    assert few / many == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["dpm++", "unipc"])
def test_second_order_needs_fewer_steps(name: SolverName) -> None:
    assert gaussian_error(name, 10, Prediction.NOISE) < gaussian_error("ddim", 20, Prediction.NOISE)


@SOLVERS
@pytest.mark.parametrize("steps", [1, 3, 7, 20, 48, 50, 61, 103, 499, 1000])
def test_all_solvers_visit_the_same_timesteps(name: SolverName, steps: int) -> None:
    assert list(make_solver(name, Process(), steps).timesteps) == trailing_timesteps(steps)


@SOLVERS
def test_solvers_do_not_share_memory(name: SolverName) -> None:
    """Two latents denoised in lock step come out as each alone."""

    def alone(seed: int) -> Tensor:
        solver = make_solver(name, Process(), 5)
        latent = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed))
        for index in range(5):
            latent = solver.step(index, latent, latent.sin())
        return latent

    solvers = [make_solver(name, Process(), 5) for _ in range(2)]
    latents = [torch.randn(1, 8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    for index in range(5):
        latents = [s.step(index, x, x.sin()) for s, x in zip(solvers, latents, strict=True)]
    assert torch.equal(latents[0], alone(1))
    assert torch.equal(latents[1], alone(2))


def test_the_released_spacing_ends_in_an_identity() -> None:
    solver = make_solver("ddim", Process(), 50, spacing="released")
    assert list(solver.timesteps) == ddim_timesteps(50)
    latent, noise_pred = torch.randn(2, 2, 16, dtype=torch.float64)
    torch.testing.assert_close(solver.step(49, latent, noise_pred), latent)
    assert [solver.moves(index) for index in range(50)] == [True] * 49 + [False]


@SOLVERS
def test_no_other_step_stands_still(name: SolverName) -> None:
    assert all(make_solver(name, Process(), 7).moves(index) for index in range(7))


def test_only_a_positive_eta_draws_noise() -> None:
    assert not make_solver("ddim", Process(), 5).draws_noise
    assert make_solver("ddim", Process(), 5, eta=1.0).draws_noise


@pytest.mark.parametrize(
    ("name", "settings"),
    [("euler", {}), ("unipc", {"eta": 1.0}), ("dpm++", {"spacing": "released"})],
)
def test_what_a_solver_cannot_do_is_refused(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make_solver(name, Process(), 5, **settings)


@SOLVERS
def test_steps_outside_the_schedule_are_refused(name: SolverName) -> None:
    with pytest.raises(ConfigError, match="use 1 to 1000"):
        make_solver(name, Process(), 1001)


@pytest.mark.parity
@pytest.mark.parametrize("tag", ["frontal_eta0", "frontal_eta1"])
def test_golden_trajectories_follow_from_their_own_predictions(
    shared_file: Callable[[str], Path], tag: str
) -> None:
    """The noise that leads from one published latent to the next leads there with our step too."""
    path = shared_file("reference/golden/ddim.safetensors")
    golden = {key: value.double() for key, value in load_file(path).items()}
    eta = 1.0 if tag.endswith("1") else 0.0
    solver = make_solver("ddim", Process(), 10, eta=eta, spacing="released")
    levels = alpha_bar(ScheduleConfig())
    latents = torch.cat([golden[f"{tag}.xT_frontal"][None], golden[f"{tag}.traj_frontal"]])
    for index, t in enumerate(solver.timesteps[:-1]):
        now, after = levels[t], levels[solver.timesteps[index + 1]]
        fresh = eta * ((1 - after) / (1 - now) * (1 - now / after)).sqrt()
        noise = golden[f"{tag}.noise_frontal"][index] if eta else None
        kept = (1 - after - fresh**2).sqrt()
        signal = (after / now).sqrt()
        reached = latents[index + 1] - (fresh * noise if noise is not None else 0)
        noise_pred = (reached - signal * latents[index]) / (kept - signal * (1 - now).sqrt())
        ours = solver.step(index, latents[index], noise_pred, noise)
        torch.testing.assert_close(ours, latents[index + 1])
