"""What stages learn from."""

from functools import cached_property, partial

from xgem.model import Model
from xgem.precision import Precision
from xgem.progress import Progress
from xgem.training.encoded import Encoded, live
from xgem.training.encoding_shards import encode_studies
from xgem.training.processes import HERE, Place
from xgem.training.studies import Studies
from xgem.training.weights import RunWeights


class Material:
    """Studies, and the prompts and latents that are made of them."""

    def __init__(
        self,
        train: Studies,
        held_out: Studies,
        weights: RunWeights,
        data: str,
        *,
        stored: bool,
        precision: Precision,
        place: Place = HERE,
        progress: Progress | None = None,
    ) -> None:
        """Take both halves of a store whose hash is ``data``.

        Args:
            stored: Keep encodings beside the run, instead of making them for every batch.
            precision: In which they are made.
        """
        self.train, self.held_out = train, held_out
        self._weights, self._data, self._place, self._progress = weights, data, place, progress
        self._keeps, self._precision = stored, precision

    @property
    def _encoders(self) -> list[str]:
        """Names of what prompts and latents depend on."""
        model = self._weights.config
        return [*model.prompt_encoders, *model.autoencoders]

    @property
    def live(self) -> list[str]:
        """Components by which encodings are made while a stage is trained on them."""
        return [] if self._keeps else self._encoders

    def encoded(self, model: Model) -> tuple[Encoded, Encoded]:
        """Return the encodings of both halves; live ones are made by ``model``."""
        if self._keeps:
            return self._stored
        return (
            live(model, self.train, self._precision),
            live(model, self.held_out, self._precision),
        )

    @cached_property
    def _stored(self) -> tuple[Encoded, Encoded]:
        model = self._weights.model(self._encoders)
        for name in ("whitening", *self._encoders):
            model.components[name].to(self._place.device)
        encode = partial(
            encode_studies,
            model,
            precision=self._precision,
            split=self._place.split,
            progress=self._progress,
        )
        folder = self._weights.run / "encoded"
        return (
            encode(self.train, folder / "train", f"{self._data}/train"),
            encode(self.held_out, folder / "held_out", f"{self._data}/held_out"),
        )
