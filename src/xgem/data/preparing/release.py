"""A release becomes a store: list, split, open every file, write parts, count.

What is done to one study is `xgem.data.preparing.prepared_study`; where it is done is the engine's
business: processes of this machine here, or a cluster in `xgem.cluster.preparing`. Both write the
same parts.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from xgem.data.folder_lock import locked
from xgem.data.identity import Salt, keep_salt, new_salt, read_salt
from xgem.data.preparing.isolation import Worker, WorkerDiedError, ordered_map
from xgem.data.preparing.prepared_origin import labels_by, privacy_of, splits_by
from xgem.data.preparing.prepared_study import UNREADABLE, StudyJob, prepare_study
from xgem.data.radiograph import Preprocessing
from xgem.data.sources.source import BrokenReport, ListedStudy, Listing, ReportFile, Source
from xgem.data.splits import SPLITS, SplitChoice, assign_splits
from xgem.data.store import Store
from xgem.data.store.shards import PartRecord, Prepared, Reject, read_part, write_part
from xgem.data.store.writer import (
    Part,
    StoreOrigin,
    begin_store,
    finish_store,
    parts_of,
    require_own,
    write_csv,
    writing,
)
from xgem.errors import ConfigError, InputError, OutputError, StoreError
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
    """Where the salt, file names and records of a store stay: beside it, never in it.

    Raises:
        OutputError: nothing can be beside it.
    """
    named = out if out.name not in ("", "..") else out.resolve()
    if not named.name:
        raise OutputError(f"{out} cannot be the folder of a store; choose another --out")
    return named.with_name(f"{named.name}.private")


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
        StoreError: patients are in several splits, too many files are unreadable, nothing is left
            of the release, or the folder holds something else.
        ConfigError: burned-in text is to be found without tesseract, the engine cannot be reached,
            or another process prepares the same store.
        OutputError: the disk is full or closed.
    """
    report = progress or (lambda *_: None)
    report(f"listing {source.facts.name}", 0, 0)
    privacy = privacy_of(config.find_text)
    listing = source.list_studies()
    if not listing.studies:
        raise InputError(f"this {source.facts.name} release lists no study; check --from")
    splits = assign_splits(listing.studies, config.splits, config.seed)
    private = private_folder(out)
    work = private / "work"
    kept = salt or private / "salt"
    with writing(out), locked(private, f"another process prepares {out}", mode=0o700):
        secret = read_salt(kept) or new_salt()
        plan, earlier = _plans(source, listing, splits, config, secret)
        require_own(out, work, plan, earlier)
        fresh = [path for path in (work, kept) if not path.exists()]
        keep_salt(secret, kept)
        if begin_store(out, work, plan, earlier):
            return Store(out)
        parts = _parts(listing.studies, splits, secret)
        jobs = [
            # A node of a cluster works in another folder.
            PartJob(
                part=part,
                folder=out.absolute(),
                work=work.absolute(),
                config=config,
                salt=secret,
            )
            for part in parts
        ]
        try:
            records = _make_all(jobs, listing, private, engine, report)
        except ConfigError:  # the engine is not there, so nothing was made
            _withdraw(out, fresh)
            raise
        if not any(record.rows for record in records):
            for job in jobs:  # the files may be corrected
                job.files[0].unlink()
            _withdraw(out, [work])
            raise StoreError(_nothing_left(source, records, private))
        origin = StoreOrigin(
            facts=source.facts,
            splits_by=splits_by(listing, config.splits, config.seed),
            labels_by=labels_by(listing),
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
) -> list[PartRecord]:
    """Make what is not whole yet, watch the share of rejects, and write down the files.

    Raises:
        StoreError: too many files are unreadable; their parts will be made again.
        ConfigError: the engine cannot be reached.
    """
    refused = False
    whole = {job: read_part(*job.files) for job in jobs}
    records = [record for record in whole.values() if record is not None]
    limit = jobs[0].config.max_rejected * _files(listing)
    try:
        _require_few(records, limit, private)
        for record in engine([job for job in jobs if whole[job] is None], progress):
            records.append(record)
            _require_few(records, limit, private)
    except StoreError:
        refused = True
        raise
    finally:
        made = {job: one for job in jobs if (one := read_part(*job.files)) is not None}
        if made:
            _write_names(private / "rejected.csv", (r for m in made.values() for r in m.rejects))
            _write_names(private / "warnings.csv", (w for m in made.values() for w in m.warnings))
        if refused:  # the files may be corrected
            for job, one in made.items():
                if _unreadable(one):
                    job.files[0].unlink()
    return records


def _withdraw(out: Path, made: Iterable[Path]) -> None:
    """Take back a store that was begun, where it holds nothing, and what was ``made`` for it."""
    for path in made:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in (out / "data", out):
        with contextlib.suppress(OSError):  # it holds something else
            folder.rmdir()


def _nothing_left(source: Source, records: Iterable[PartRecord], private: Path) -> str:
    reasons = [reject.reason for record in records for reject in record.rejects]
    first = f"; the first reason: {reasons[0]}" if reasons else ""
    return (
        f"nothing of this {source.facts.name} release can be used, expected an image or a report "
        f"of one study at least{first}. Look at {private / 'rejected.csv'}, then correct the files "
        f"and run again"
    )


def _require_few(records: Iterable[PartRecord], limit: float, private: Path) -> None:
    rejects = [reject for one in records for reject in _unreadable(one)]
    if len(rejects) > limit:
        raise StoreError(
            f"{len(rejects)} files cannot be used, more than the share that --max-rejected "
            f"allows ({limit:.1f} files); the first: {rejects[0].reason}. Look at "
            f"{private / 'rejected.csv'}, then correct the files, or allow more and run again"
        )


def _unreadable(record: PartRecord) -> list[Reject]:
    return [reject for reject in record.rejects if reject.kind == UNREADABLE]


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


def _plans(
    source: Source,
    listing: Listing,
    splits: Sequence[str],
    config: PrepareConfig,
    salt: Salt,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Everything that the bytes of the store depend on, but the contents of the files.

    The list of studies is told by a salted hash, because a plain one could be guessed from a list
    of patients. Stores that were begun with a plain one have an earlier form of the plan.
    """
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
    plan = {
        "source": source.facts.name,
        "reader_version": source.facts.reader_version,
        "preprocessing": asdict(config.preprocessing),
        "splits": config.splits,
        "seed": config.seed,
        "find_text": config.find_text,
        "studies": len(listing.studies),
        "listing": salt.hashed("listing", digest.hexdigest()),
        "salt": salt.hashed("plan", ""),
    }
    return plan, [{**plan, "listing": digest.hexdigest()[:16]}]
