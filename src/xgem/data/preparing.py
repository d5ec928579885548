"""A release becomes a store: list, split, open every file, write parts, count.

What is done to one study is `xgem.data.prepared_study`; where it is done is the engine's business:
processes of this machine here, or a cluster in `xgem.cluster.preparing`. Both write the same parts.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from xgem.data.burned_in import require_tesseract
from xgem.data.identity import Salt, open_salt
from xgem.data.isolation import Worker, WorkerDiedError, ordered_map
from xgem.data.prepared_study import UNREADABLE, StudyJob, prepare_study
from xgem.data.radiograph import Preprocessing
from xgem.data.sources.source import BrokenReport, ListedStudy, Listing, ReportFile, Source
from xgem.data.splits import SHARES, SPLITS, SplitChoice, assign_splits
from xgem.data.store import Store
from xgem.data.store_shards import PartRecord, Prepared, Reject, read_part, write_part
from xgem.data.store_writer import (
    Part,
    StoreOrigin,
    begin_store,
    finish_store,
    parts_of,
    write_csv,
    writing,
)
from xgem.errors import ConfigError, InputError, StoreError
from xgem.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareConfig:
    """How a release is prepared.

    Raises:
        ConfigError: a share or time is out of range.
    """

    preprocessing: Preprocessing
    splits: SplitChoice = "official"
    """``seeded`` draws them anew even where the publisher has split the patients."""
    seed: int = 0
    """Of drawn splits."""
    find_text: bool = False
    """Look for burned-in text with tesseract, and leave out images that have some."""
    max_rejected: float = 0.05
    """Share of files that may be unreadable before the run stops."""
    seconds: float = 120.0
    """After which a file is given up; a large radiograph takes about one."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_rejected <= 1 or self.seconds <= 0:
            raise ConfigError(
                f"need a share of rejects from 0 to 1 and more than 0 seconds, got "
                f"{self.max_rejected} and {self.seconds}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartJob:
    """What it takes to make one part, on whatever machine."""

    part: Part
    folder: Path
    work: Path
    config: PrepareConfig
    salt: Salt

    @property
    def files(self) -> tuple[Path, Path]:
        """The part's rows and its record."""
        return self.part.file(self.folder), self.part.record(self.work)

    def studies(self) -> Iterator[StudyJob]:
        """What the workers are sent, in order."""
        for study in self.part.items:
            yield StudyJob(
                study=study,
                split=self.part.split,
                preprocessing=self.config.preprocessing,
                salt=self.salt,
                find_text=self.config.find_text,
            )


Engine = Callable[[Sequence[PartJob], Progress], Iterator[PartRecord]]
"""Makes parts and yields their records as they are whole; reports studies as they are done."""


def private_folder(out: Path) -> Path:
    """Where the salt, file names and records of a store stay: beside it, never in it."""
    return out.with_name(f"{out.name}.private")


def prepare(
    source: Source,
    out: Path,
    config: PrepareConfig,
    *,
    engine: Engine,
    salt: Path | None = None,
    progress: Progress | None = None,
) -> Store:
    """Turn a release into a store, or go on with one that was interrupted.

    Args:
        source: the release.
        out: folder of the store; `private_folder` beside it takes what must not leave.
        config: how.
        engine: where.
        salt: file of the salt; one in the private folder where None.
        progress: called with the stage, studies done and studies in all.

    Raises:
        InputError: the release holds nothing, or a table of it is damaged.
        StoreError: patients are in several splits, too many files are unreadable, or the folder
            holds something else.
        ConfigError: burned-in text is to be found without tesseract.
        OutputError: the disk is full or closed.
    """
    report = progress or (lambda *_: None)
    report(f"listing {source.facts.name}", 0, 0)
    privacy = _privacy(config)
    listing = source.list_studies()
    if not listing.studies:
        raise InputError(f"this {source.facts.name} release lists no study; check --from")
    splits = assign_splits(listing.studies, config.splits, config.seed)
    private = private_folder(out)
    work = private / "work"
    with writing(out):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = open_salt(salt or private / "salt")
        plan = _plan(source, listing, splits, config, secret)
        if begin_store(out, work, plan):
            return Store(out)
        parts = _parts(listing.studies, splits, secret)
        jobs = [
            PartJob(part=part, folder=out, work=work, config=config, salt=secret) for part in parts
        ]
        _make_all(jobs, listing, private, engine, report)
        origin = StoreOrigin(
            facts=source.facts,
            splits_by=_splits_by(listing, config),
            labels_by=_labels_by(listing),
            privacy=privacy,
            remarks=listing.remarks,
        )
        report("counting", 0, 0)
        finish_store(out, work, plan, parts, origin)
    return Store(out)


def local_engine(workers: int) -> Engine:
    """Processes of this machine, each of which does one study at a time."""

    def run(jobs: Sequence[PartJob], progress: Progress) -> Iterator[PartRecord]:
        studies = sum(len(job.part.items) for job in jobs)
        done = 0

        def counted(prepared: Iterable[Prepared]) -> Iterator[Prepared]:
            nonlocal done
            for one in prepared:
                done += 1
                progress("preparing", done, studies)
                yield one

        if not jobs:
            return
        stream = ordered_map(
            prepare_safely,
            (study for job in jobs for study in job.studies()),
            prepare_study,
            workers=workers,
            seconds=jobs[0].config.seconds,
        )
        try:
            for job in jobs:
                yield write_part(counted(islice(stream, len(job.part.items))), *job.files)
        finally:
            stream.close()  # type: ignore[attr-defined]

    return run


def make_part(job: PartJob) -> PartRecord:
    """Make one part with one process, unless it is whole already; for engines elsewhere."""
    known = read_part(*job.files)
    if known is not None:
        return known
    worker = Worker(prepare_study, job.config.seconds)
    try:
        prepared = (prepare_safely(worker, study) for study in job.studies())
        return write_part(prepared, *job.files)
    finally:
        worker.close()


def prepare_safely(worker: Worker, job: StudyJob) -> Prepared:
    """Prepare a study whatever its files do to the process; the culprit is rejected."""
    died: dict[str, str] = {}
    while True:
        try:
            prepared: Prepared = worker.run(replace(job, died=died))
        except WorkerDiedError as error:
            if error.step is None or error.step in died:
                raise RuntimeError(f"a worker {error.how} before it opened a file") from error
            died[error.step] = error.how
        else:
            return prepared


def _make_all(
    jobs: Sequence[PartJob],
    listing: Listing,
    private: Path,
    engine: Engine,
    progress: Progress,
) -> None:
    """Make what is not whole yet, watch the share of rejects, and write down the files.

    Raises:
        StoreError: too many files are unreadable.
    """
    whole = {job: read_part(*job.files) for job in jobs}
    records = [record for record in whole.values() if record is not None]
    limit = jobs[0].config.max_rejected * _files(listing)
    try:
        _require_few(records, limit, private)
        for record in engine([job for job in jobs if whole[job] is None], progress):
            records.append(record)
            _require_few(records, limit, private)
    finally:
        made = [one for job in jobs if (one := read_part(*job.files)) is not None]
        _write_names(private / "rejected.csv", (r for one in made for r in one.rejects))
        _write_names(private / "warnings.csv", (w for one in made for w in one.warnings))


def _require_few(records: Iterable[PartRecord], limit: float, private: Path) -> None:
    rejects = [r for one in records for r in one.rejects if r.kind == UNREADABLE]
    if len(rejects) > limit:
        raise StoreError(
            f"{len(rejects)} files cannot be used, more than the share that --max-rejected "
            f"allows ({limit:.1f} files); the first: {rejects[0].reason}. Look at "
            f"{private / 'rejected.csv'}, then correct the files, or allow more and run again"
        )


def _files(listing: Listing) -> int:
    """How many files will be opened."""
    return sum(
        sum(not image.left_out for image in study.images)
        + isinstance(study.report, ReportFile | BrokenReport)
        for study in listing.studies
    )


def _write_names(path: Path, rejects: Iterable[Reject]) -> None:
    rows = ((r.file, r.study, r.kind, r.reason) for r in rejects)
    write_csv(path, ("file", "study", "kind", "reason"), rows)


def _parts(studies: Sequence[ListedStudy], splits: Sequence[str], salt: Salt) -> list[Part]:
    """Split by split, in the order of the public identifiers, which tells nothing."""
    by_split: dict[str, list[tuple[str, ListedStudy]]] = {split: [] for split in SPLITS}
    for study, split in zip(studies, splits, strict=True):
        by_split[split].append((salt.hashed("study", study.id), study))
    return [
        part
        for split, keyed in by_split.items()
        for part in parts_of(split, [study for _, study in sorted(keyed, key=lambda k: k[0])])
    ]


def _plan(
    source: Source,
    listing: Listing,
    splits: Sequence[str],
    config: PrepareConfig,
    salt: Salt,
) -> dict[str, Any]:
    """Everything that the bytes of the store depend on, but the contents of the files."""
    digest = hashlib.sha256()
    for study, split in zip(listing.studies, splits, strict=True):
        images = [
            (i.file.name, str(i.view), i.left_out, *([repr(i.note)] if i.note else []))
            for i in study.images
        ]
        report = study.report
        said = repr(report)
        if isinstance(report, ReportFile):
            said = report.member or report.file.name
        elif isinstance(report, BrokenReport):
            said = report.reason
        line = [study.id, study.patient, split, images, said, repr(study.labels)]
        digest.update(json.dumps(line).encode())
    return {
        "source": source.facts.name,
        "reader_version": source.facts.reader_version,
        "preprocessing": asdict(config.preprocessing),
        "splits": config.splits,
        "seed": config.seed,
        "find_text": config.find_text,
        "studies": len(listing.studies),
        "listing": digest.hexdigest()[:16],
        "salt": salt.hashed("plan", ""),
    }


def _privacy(config: PrepareConfig) -> Mapping[str, str]:
    """What the card says of identity."""
    burned_in = "images that declare it are left out; where it is not declared: not checked"
    if config.find_text:
        found = f"images that declare it, or in which tesseract {require_tesseract()} found text"
        burned_in = f"{found}, are left out"
    return {
        "identifiers": "salted hashes of patient and study; the salt is not here",
        "header attributes": "none is stored",
        "report text": "as the source gives it; nothing was removed from it",
        "burned-in annotation": burned_in,
    }


def _splits_by(listing: Listing, config: PrepareConfig) -> str:
    shares = ", ".join(f"{split} {share:.0%}" for split, share in SHARES.items())
    drawn = f"drawn by patient with seed {config.seed} ({shares})"
    if config.splits == "seeded":
        return drawn
    official = sum(study.split is not None for study in listing.studies)
    if official == len(listing.studies):
        return "the publisher's"
    return f"the publisher's for {official:,} studies, else {drawn}" if official else drawn


def _labels_by(listing: Listing) -> str:
    published = sum(study.labels is not None for study in listing.studies)
    rules = "rules of xgem on the report"
    if not published:
        return rules
    if published == len(listing.studies):
        return "the publisher's"
    return f"the publisher's for {published:,} studies, else {rules}"
