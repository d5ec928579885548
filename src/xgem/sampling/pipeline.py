"""The whole of it: a study goes in, what it lacks comes out."""

import importlib.resources
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xgem.data.radiograph import InputWarning
from xgem.denoisers.coupling import CouplingMode
from xgem.diffusion.defaults import Joint, SamplingDefaults, SolverName
from xgem.errors import CheckpointError, ConfigError, InputError, TaskError
from xgem.manifest import checkpoint_hash, read_manifest
from xgem.model import Model, described_model
from xgem.precision import computes_in, dtype_of
from xgem.progress import Progress, Ticker
from xgem.sampling.context import Context, PromptReader, Vectors
from xgem.sampling.noise import generators
from xgem.sampling.plan import Listening, Stage, plan_stages, resolve_task
from xgem.sampling.residence import Need, Residence, Source
from xgem.sampling.sampler import Latents, networks, new_solver, sample_latents
from xgem.study import Content, Modality, Study, parse_modalities
from xgem.weight_layout import Layout, require_packing

SIMULATED = "simulated chests"
"""What a card says of a model that was trained on phantoms alone."""


class XGeM:
    """Any subset of a study into any other.

    >>> xgem = XGeM.from_pretrained()
    >>> study = xgem.read(frontal="chest.dcm")
    >>> samples = xgem.generate(study, to="L+T", samples=4, seed=1)
    """

    def __init__(
        self,
        model: Model,
        card: Mapping[str, Any] | None = None,
        checkpoint: str | None = None,
        residence: Residence | None = None,
    ) -> None:
        self.model = model
        self.residence = residence or Residence(model)
        """Says which parts of the model are in memory."""
        self.card: Mapping[str, Any] = card or {}
        """Name, training data, recipe, seed and commit of the model."""
        self.checkpoint = checkpoint
        """Hash of its weights and configuration; None for a model that is still in training."""

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        *,
        device: str | torch.device = "cpu",
        offload: bool | None = None,
        fast: bool = False,
    ) -> "XGeM":
        """Open a model folder; None is the bundled demonstration model.

        Weights are mapped into memory when a task first needs them, and only those that it needs.

        Args:
            path: of the folder.
            device: where the networks compute, as torch names it: "cpu", "cuda", "cuda:1".
            offload: let each part of the model leave the device as soon as its work is done; if
                None, those parts that are mapped from their file as they are.
            fast: on a processor, bring weights into the layout of its kernels once, not at every
                call. They then stay in memory of their own, and results differ in the last digits.

        Raises:
            CheckpointError: the folder is incomplete, changed, newer than this xgem, or a pickle;
                what concerns the weights of one part is said when that part is first needed.
            ConfigError: there is no such device, or it is not one for ``fast``.
        """
        device = _device(device)
        if fast:
            require_packing(device)
        folder = Path(path) if path is not None else bundled_model()
        if path is None and not folder.is_dir():
            raise CheckpointError(
                "this copy of xgem comes without its demonstration model; train it with "
                "`xgem train tiny` (hours on two cores) and name its folder, xgem-tiny/model"
            )
        manifest = read_manifest(folder)
        model = described_model(manifest.config)
        model.eval().requires_grad_(False)
        precision, layout = model.config.precision, Layout.PACKED if fast else Layout.PLAIN
        if not computes_in(precision, device):
            precision, layout = "fp32", Layout.PACKED if fast else Layout.NARROW
        source, dtype = Source(folder, manifest), dtype_of(precision)
        residence = Residence(model, source, device, dtype, offload, layout)
        return cls(model, manifest.card, checkpoint_hash(folder), residence)

    def unload(self) -> None:
        """Free the memory of all weights; the next generation loads what it needs again."""
        self.residence.release()

    def read(
        self,
        *,
        frontal: str | Path | None = None,
        lateral: str | Path | None = None,
        report: str | Path | None = None,
    ) -> Study:
        """Read a study's files, prepared as this model was trained.

        What is doubtful about them is an `InputWarning`: that this model was trained on simulated
        chests alone and the radiographs are real ones, for example.

        Args:
            frontal: DICOM, PNG, JPEG or TIFF.
            lateral: the same.
            report: text, or a file that holds it.

        Raises:
            InputError: a file cannot be used as what it was given for.
        """
        # Decoders, which generating needs not.
        from xgem.data.study_files import read_study

        study = read_study(
            frontal=frontal,
            lateral=lateral,
            report=report,
            preprocessing=self.model.preprocessing,
        )
        images = [m.name for m in study.modalities if not isinstance(study.contents[m], str)]
        if self.card.get("trained_on") == SIMULATED and images and not study.synthetic:
            warnings.warn(
                f"{self.card.get('name')} was trained on {SIMULATED} alone and has never seen a "
                f"real radiograph; this {' and '.join(images)} is not marked as synthetic, and "
                f"what is made from it says nothing about a patient",
                InputWarning,
                stacklevel=2,
            )
        return study

    def settings(
        self,
        *,
        steps: int | None = None,
        guidance: float | Mapping[str, float] | None = None,
        solver: SolverName | None = None,
        joint: Joint | None = None,
        chain: Sequence[str] | None = None,
        coupling_guidance: float | None = None,
        guidance_interval: tuple[float, float] | None = None,
        guidance_rescale: float | None = None,
    ) -> SamplingDefaults:
        """The settings that `generate` would use: the model's own, except for what is given.

        Raises:
            TaskError: fewer than one step, a guidance that is not a number, or a letter of the
                chain that is no modality of the model.
            ConfigError: a solver that is not there, an interval that is none, a rescale outside
                [0, 1], or a chain that names a letter twice.
        """
        if steps is not None and steps < 1:
            raise TaskError(f"{steps} steps; use at least 1")
        if guidance is not None:
            _require_finite("guidance", guidance)
        if coupling_guidance is not None:
            _require_finite("coupling guidance", coupling_guidance)
        settings = self.model.config.sampling
        if solver is not None and solver != settings.solver:
            settings = replace(settings, solver=solver, eta=0.0, spacing="trailing")
        given: dict[str, Any] = {
            "steps": steps,
            "guidance": guidance,
            "joint": joint,
            "chain": None if chain is None else tuple(self._modality(m).letter for m in chain),
            "coupling_guidance": coupling_guidance,
            "guidance_interval": guidance_interval,
            "guidance_rescale": guidance_rescale,
        }
        return replace(settings, **{k: value for k, value in given.items() if value is not None})

    @torch.inference_mode()
    def generate(
        self,
        study: Study | None = None,
        *,
        to: str | Iterable[Modality] | None = None,
        samples: int = 1,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | Mapping[str, float] | None = None,
        weights: Mapping[Modality | str, float] | None = None,
        solver: SolverName | None = None,
        joint: Joint | None = None,
        chain: Sequence[str] | None = None,
        coupling: Listening | None = None,
        coupling_guidance: float | None = None,
        guidance_interval: tuple[float, float] | None = None,
        guidance_rescale: float | None = None,
        batch_size: int = 8,
        progress: Progress | None = None,
    ) -> list[Study]:
        """Generate what a study lacks.

        Sample k of seed S is sample 0 of seed S + k, in any batch size. The model is in evaluation
        mode afterwards. Of a report that is longer than the model can read, an `InputWarning` says
        how much is read.

        Args:
            study: the inputs, images of the model's size; None, or an empty one, generates without
                any.
            to: outputs, as "F+L" or as modalities; None is everything that the study lacks.
            samples: how many to make.
            seed: of the first sample.
            steps: calls of each network; this and what follows is the model's own where None.
            guidance: how closely prompts are followed; 1 is as trained. One number, or one for
                each letter of a modality.
            weights: of the inputs relative to each other, by modality or its letter, 1 where one
                is not named; 0 leaves an input out.
            solver: "ddim", "dpm++" or "unipc".
            joint: several outputs together, or one after the other with each a prompt for the
                next.
            chain: letters in the order in which outputs are made one after the other, such as
                "TLF"; what it leaves out comes last, in the order of ``to``.
            coupling: whom outputs that are made together listen to: "cross" to each other, "own"
                to themselves.
            coupling_guidance: how closely outputs that are made together follow each other; 1 is
                as trained, 0 not at all.
            guidance_interval: shares of signal, in [0, 1], between which prompts are guided.
            guidance_rescale: how far, in [0, 1], guided predictions are brought back to the size
                of those as trained.
            batch_size: samples that are computed at once; changes speed and memory alone.
            progress: told what is being done, how much is done, and how much there is in all.

        Returns:
            One study a sample, named after ``study`` and the sample's seed, that holds only what
            was generated and is marked as synthetic.

        Raises:
            TaskError: the task, a weight or a number asks for what cannot be done.
            ConfigError: there is no such solver, the interval is none, the rescale is outside
                [0, 1], or the chain names a letter twice.
            InputError: an image has not the model's size.
        """
        study = study if study is not None else Study(id="unconditional")
        if samples < 1 or batch_size < 1:
            raise TaskError(f"{samples} samples in batches of {batch_size}; use at least 1 of each")
        task = resolve_task(study.modalities, to, self.model.parts)
        settings = self.settings(
            steps=steps,
            guidance=guidance,
            solver=solver,
            joint=joint,
            chain=chain,
            coupling_guidance=coupling_guidance,
            guidance_interval=guidance_interval,
            guidance_rescale=guidance_rescale,
        )
        by_modality = {
            m if isinstance(m, Modality) else self._modality(m): weight
            for m, weight in (weights or {}).items()
        }
        stages = plan_stages(task, by_modality, settings.joint, settings.chain)
        self._require_prepared(study)
        for modality in task.inputs:
            if doubt := self.model.parts[modality].prompt_encoder.doubt(study.contents[modality]):
                warnings.warn(f"{modality.name}: {doubt}", InputWarning, stacklevel=3)
        calls = len(new_solver(self.model, settings).timesteps)
        self.model.eval()

        seeds = range(seed, seed + samples)
        batches = [seeds[i : i + batch_size] for i in range(0, samples, batch_size)]
        ticker = Ticker(progress, len(batches) * len(stages) * (calls + 1))
        ticker.show("reading the prompts")
        reader = PromptReader(self.model, self.residence)
        with self.residence.present(*(self.model.parts[m].prompt_encoder for m in task.inputs)):
            given = {m: reader.encode(m, [study.contents[m]]) for m in task.inputs}
            for modality in task.inputs:  # guidance will ask for them
                reader.empty(modality)
        mode = None if coupling is None else CouplingMode(coupling)
        made: list[dict[Modality, list[Content]]] = [
            self.complete_batch(
                stages, batch, settings, given, reader, mode, ticker.show, ticker.advance
            )
            for batch in batches
        ]
        return [
            Study(
                id=f"{study.id}-s{sample_seed}",
                contents={modality: contents[place] for modality, contents in batch_made.items()},
                synthetic=True,
            )
            for batch, batch_made in zip(batches, made, strict=True)
            for place, sample_seed in enumerate(batch)
        ]

    def complete_batch(
        self,
        stages: Iterable[Stage],
        seeds: Sequence[int],
        settings: SamplingDefaults,
        given: Mapping[Modality, Vectors],
        reader: PromptReader,
        coupling: CouplingMode | None = None,
        show: Callable[[str], None] = lambda text: None,
        advance: Callable[[], None] = lambda: None,
    ) -> dict[Modality, list[Content]]:
        """Go through the stages for one batch of samples, each of its own seed.

        Args:
            stages: what is made of what, in order; see `plan_stages`.
            seeds: one a sample.
            settings: of the sampler.
            given: prompt vectors of the inputs: one for all samples, or one a sample.
            reader: makes prompt vectors of what earlier stages made.
            coupling: whom outputs that are made together listen to; the model's own where None.
            show: told what is being done.
            advance: called after every step.
        """
        vectors = dict(given)
        made: dict[Modality, list[Content]] = {}
        for stage in stages:
            for prompt in stage.prompts:
                if prompt not in vectors:  # made by an earlier stage
                    vectors[prompt] = reader.encode(prompt, made[prompt])
            contexts = {
                output: reader.context(output, vectors, stage.prompts, len(seeds))
                for output in stage.outputs
            }
            names = " and ".join(output.name for output in stage.outputs)
            show(f"generating {names}")
            latents = self.denoise(contexts, seeds, settings, coupling, advance)
            show(f"decoding {names}")
            made |= self.decode(latents, seeds)
            advance()
        return made

    def denoise(
        self,
        contexts: Mapping[Modality, Context],
        seeds: Sequence[int],
        settings: SamplingDefaults,
        coupling: CouplingMode | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> Latents:
        """Make a latent of each output that has a context, for each seed; see `sample_latents`."""
        with self.residence.present(*networks(self.model, contexts, settings)):
            return sample_latents(self.model, contexts, seeds, settings, on_step, coupling)

    def decode(self, latents: Latents, seeds: Sequence[int]) -> dict[Modality, list[Content]]:
        """Make contents of latents; the seeds are theirs, for decoders that draw."""
        made = {}
        for output, latent in latents.items():
            autoencoder = self.model.parts[output].autoencoder
            with self.residence.present(Need.decoding(autoencoder)):
                made[output] = autoencoder.decode(latent, generators(seeds, output, "writing"))
        return made

    def _modality(self, letter: str) -> Modality:
        (modality,) = parse_modalities(letter, self.model.modalities)
        return modality

    def _require_prepared(self, study: Study) -> None:
        for modality, content in study.contents.items():
            wanted = self.model.parts[modality].prompt_encoder.empty
            if np.shape(content) != np.shape(wanted):
                found, size = (" x ".join(map(str, np.shape(c))) for c in (content, wanted))
                raise InputError(
                    f"the {modality.name} of study {study.id} has {found} "
                    f"{'pixels' if ' x ' in size else 'values'}, this model takes {size}; read its "
                    f"file with XGeM.read, which prepares it"
                )


def _device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"cannot compute on {name}: {str(error).splitlines()[0]}; use cpu, or a GPU that this "
            f"torch knows"
        ) from error
    return device


def _require_finite(name: str, value: float | Mapping[str, float]) -> None:
    scales = value.values() if isinstance(value, Mapping) else [value]
    if not all(math.isfinite(scale) for scale in scales):
        raise TaskError(f"{name} is {value}; use a number such as 1 or 3")


def bundled_model() -> Path:
    """The folder of the demonstration model that comes with the package."""
    return Path(str(importlib.resources.files("xgem") / "bundled"))
