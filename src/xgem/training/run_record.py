"""``run.json``: what a run is, from its first second on."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from xgem.data.store import Store
from xgem.data.whole_file import write_json
from xgem.errors import ConfigError
from xgem.training.recipe import Recipe

RUN_FILE = "run.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunData(_Strict):
    """What a run trains on; all but ``store`` is None until the data are there."""

    store: str | None
    """Folder of the store; None for phantoms beside the run."""
    kind: str | None = None
    """Name of the class that reads it, where that is not xgem's own `Store`."""
    source: str | None = None
    hash: str | None = None
    studies: int | None = None


def given_data(given: Store | None) -> RunData:
    """Say what a run is to train on, before it is prepared."""
    if given is None:
        return RunData(store=None)
    kind = None if type(given) is Store else type(given).__qualname__
    return RunData(store=str(given.folder.resolve()), kind=kind)


class RunRecord(_Strict):
    """The content of ``run.json``."""

    recipe: dict[str, Any]
    """As it was resolved: with the vocabularies, as soon as the data are prepared."""
    data: RunData
    init: dict[str, str]
    """Source of known weights, by part."""
    stage: str | None = None
    """The one stage that the last call asked for; None for all."""
    xgem: str
    commit: str | None

    @property
    def prepared(self) -> bool:
        """Whether the data are there and the recipe is settled: from then on the run is bound."""
        return self.data.hash is not None

    def with_data(self, recipe: Recipe, store: Store) -> "RunRecord":
        """Say what has been prepared."""
        data = RunData(
            store=self.data.store,
            kind=self.data.kind,
            source=store.manifest["source"],
            hash=store.hash,
            studies=len(store),
        )
        return self.model_copy(update={"recipe": recipe.to_json(), "data": data})

    def write(self, run: Path) -> None:
        """Write it to the folder of the run."""
        write_json(run / RUN_FILE, self.model_dump(mode="json"))


def read_run(run: Path) -> RunRecord:
    """Read what a run is.

    Raises:
        ConfigError: the folder holds no run, or its record is damaged.
    """
    path = run / RUN_FILE
    if not path.is_file():
        raise ConfigError(f"{run} has no {RUN_FILE}, so it is no training run; give a run's folder")
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its root"
        raise ConfigError(
            f"{path} is damaged ({place}: {first['msg']}); begin another run"
        ) from error


def reopened(run: Path, record: RunRecord, given: Store | None) -> Store | None:
    """Open what a run trains on, as it was given when the run was begun.

    Args:
        run: its folder.
        record: its record.
        given: what the caller has opened.

    Returns:
        None where the phantoms beside the run are to be simulated first.

    Raises:
        ConfigError: the run was begun on a store of another kind.
    """
    kind = record.data.kind
    if given is None and kind is not None:
        raise ConfigError(
            f"the run in {run} was begun on its own kind of store, {kind}, which only the code "
            f"that defines it opens; go on in Python with xgem.training.run.resume(run, "
            f"data={kind}(...))"
        )
    if given is not None:
        if given_data(given).kind != kind:
            plain = Store.__qualname__
            raise ConfigError(
                f"the run in {run} was begun on data of the kind {kind or plain}, these are "
                f"{type(given).__qualname__}; open them as then"
            )
        return given
    if record.data.store is not None:
        return Store(Path(record.data.store))
    return Store(run / "phantoms") if record.prepared else None


def known_run(run: Path) -> RunRecord | None:
    """Read the record that binds a folder; None where nothing has been prepared in it yet."""
    if not (run / RUN_FILE).exists():
        return None
    record = read_run(run)
    return record if record.prepared else None


def require_same(known: RunRecord, record: RunRecord, run: Path) -> None:
    """Refuse to go on with something else than what a folder was begun with.

    Raises:
        ConfigError: it is.
    """
    same = {
        "recipe": Recipe.from_json(known.recipe) == Recipe.from_json(record.recipe),
        "data": known.data == record.data,
        "init": known.init == record.init,
    }
    for part, agrees in same.items():
        if not agrees:
            raise ConfigError(
                f"{run} holds a run with another {part}; choose another --out, or go on with "
                f"the settings in {run / RUN_FILE}"
            )
