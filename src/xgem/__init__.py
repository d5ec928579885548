"""Any subset of a chest study into any other.

A study holds up to three modalities: frontal radiograph (F), lateral radiograph (L), report (T).

1. Files become a `Study`; what is missing from it is simply absent (`xgem.data`).
2. A `Task` says what is given and what is asked for, as in "F+T->L" (`xgem.study`).
3. Each given modality becomes one unit vector in a shared space (`xgem.prompts`).
4. The weighted vectors are mixed into one context (`xgem.prompts.mixing`).
5. Each requested modality starts as noise in its own latent space (`xgem.latents`).
6. Its denoiser removes the noise step by step, led by the context (`xgem.denoisers`).
7. Outputs generated together see each other through couplings (`xgem.denoisers`).
8. Solver and guidance are pure functions over these latents (`xgem.diffusion`, `xgem.sampling`).
9. The decoders turn clean latents into radiographs and text: a `Study` again.
10. It is written as PNG, labeled DICOM and text with its provenance (`xgem.cli`).
"""

from typing import TYPE_CHECKING, Any

from xgem.study import CHEST, FRONTAL, LATERAL, REPORT, Finding, Modality, Study, Task

if TYPE_CHECKING:
    from xgem.sampling.pipeline import XGeM

    __version__: str

__all__ = [
    "CHEST",
    "FRONTAL",
    "LATERAL",
    "REPORT",
    "Finding",
    "Modality",
    "Study",
    "Task",
    "XGeM",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Load `XGeM` on first use: it brings torch, and the rest of the package is light."""
    if name == "__version__":
        from xgem.version import version

        return version()
    if name == "XGeM":
        from xgem.sampling.pipeline import XGeM

        return XGeM
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
