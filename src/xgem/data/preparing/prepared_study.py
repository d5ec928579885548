"""One listed study becomes rows of a store, or reasons why not.

Runs in a worker process (`xgem.data.preparing.isolation`), the same on a laptop and on a cluster.
"""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

from xgem.data.identity import Salt
from xgem.data.labels.chexpert import all_unknown
from xgem.data.labels.chexpert_labels import read_chexpert_labels
from xgem.data.preparing.burned_in import find_text
from xgem.data.preparing.isolation import Announce
from xgem.data.radiograph import Preprocessing, Radiograph, decode_file, preprocessed
from xgem.data.report_sections import ReportKind, ReportSections, split_report, together
from xgem.data.sources.source import BrokenReport, ListedImage, ListedStudy, ReportFile
from xgem.data.store.schema import Row, row_of_study
from xgem.data.store.shards import Prepared, Reject
from xgem.data.whole_file import MAX_BYTES, read_bytes
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Modality, Study

UNREADABLE = "unreadable"
"""The kind of reject that may stop a run."""
REPORT_STEP = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyJob:
    """What a worker is sent."""

    study: ListedStudy
    split: str
    preprocessing: Preprocessing
    salt: Salt
    find_text: bool = False
    """Look for burned-in text; needs tesseract."""
    died: Mapping[str, str] = field(default_factory=dict)
    """Steps that ended an earlier worker, and how."""


def prepare_study(job: StudyJob, announce: Announce) -> Prepared:
    """Open everything that is listed; what cannot be used is rejected with its reason.

    A study with several images of a view gives several rows: the first frontal view goes with the
    first lateral one, and so on; all of them have the study's report, or each the notes of its
    own images where images have notes.
    """
    return _Preparation(job, announce).prepared()


class _Preparation:
    """The state of one study while its files are opened."""

    def __init__(self, job: StudyJob, announce: Announce) -> None:
        self.job, self.announce = job, announce
        self.id = job.salt.hashed("study", job.study.id)
        self.rejects: list[Reject] = []
        self.warnings: list[Reject] = []
        self.tallies: Counter[str] = Counter()

    def prepared(self) -> Prepared:
        noted = any(image.note for image in self.job.study.images)
        sections = None if noted else self._sections()
        views: dict[Modality, list[_Shown]] = {FRONTAL: [], LATERAL: []}
        for image in self.job.study.images:
            for view, radiograph in self._opened(image):
                views[view].append(_Shown(radiograph, image.note))
        rows = []
        for place, pair in enumerate(self._pairs(views, sections)):
            said = self._counted(_notes(pair.values())) if noted else sections
            rows.append(self._row(place, pair, said))
        if not rows:
            self.tallies["studies of which nothing is left"] += 1
        return Prepared(
            rows=rows,
            rejects=self.rejects,
            warnings=self.warnings,
            tallies=dict(self.tallies),
        )

    def _pairs(
        self, views: Mapping[Modality, list["_Shown"]], sections: ReportSections | None
    ) -> Iterator[dict[Modality, "_Shown"]]:
        """What the rows show; a report without any view is a row that shows nothing."""
        pairs = list(zip_longest(views[FRONTAL], views[LATERAL]))
        for pair in pairs or [(None, None)] * (sections is not None):
            yield {
                view: shown
                for view, shown in zip((FRONTAL, LATERAL), pair, strict=True)
                if shown is not None
            }

    def _row(
        self, place: int, pair: Mapping[Modality, "_Shown"], sections: ReportSections | None
    ) -> Row:
        shown = {view: one.radiograph for view, one in pair.items()}
        contents: dict[Modality, Content] = {view: r.pixels for view, r in shown.items()}
        if sections is not None:
            contents[REPORT] = sections.written(self.job.preprocessing.policy)
        return row_of_study(
            Study(
                id=f"{self.id}-{place}" if place else self.id,
                contents=contents,
                synthetic=bool(shown) and all(r.synthetic for r in shown.values()),
                label_values=self._labels(sections),
            ),
            split=self.job.split,
            source_study=self.id,
            patient=self.job.salt.hashed("patient", self.job.study.patient),
            bits={view: radiograph.bits for view, radiograph in shown.items()},
        )

    def _labels(self, sections: ReportSections | None) -> Mapping[str, float]:
        if self.job.study.labels is not None:
            return self.job.study.labels
        if sections is None:
            return all_unknown()
        return read_chexpert_labels(sections.written("xgem"))

    def _sections(self) -> ReportSections | None:
        """The report; None where there is none or it cannot be read."""
        report = self.job.study.report
        if isinstance(report, BrokenReport):
            self._reject(UNREADABLE, report.reason, report.file)
            self.tallies["report: unreadable"] += 1
            return None
        if isinstance(report, ReportFile):
            file = report.file
            self.announce(REPORT_STEP)
            try:
                self._require_alive(REPORT_STEP)
                report = _text(report)
            except InputError as error:
                self._reject(UNREADABLE, str(error), file)
                self.tallies["report: unreadable"] += 1
                return None
        return self._counted(split_report(report) if isinstance(report, str) else report)

    def _counted(self, sections: ReportSections | None) -> ReportSections | None:
        """Count what was found; None where no text is left."""
        kind = "none" if sections is None else str(sections.kind)
        self.tallies[f"report: {kind}"] += 1
        if sections is not None and sections.addenda:
            self.tallies["addenda left out"] += sections.addenda
        if sections is None or sections.kind in (ReportKind.COMPARISON, ReportKind.EMPTY):
            return None
        return sections

    def _opened(self, image: ListedImage) -> Iterator[tuple[Modality, Radiograph]]:
        """The view and its pixels, or nothing."""
        if image.left_out:
            self._reject("left out", image.left_out, image.file)
            return
        self.announce(str(image.file))
        try:
            self._require_alive(str(image.file))
            radiograph = self._radiograph(image)
        except InputError as error:
            self._reject(UNREADABLE, str(error), image.file)
            return
        except Exception as error:  # one file must not end a run of many; say whose fault it is
            reason = f"xgem failed on the file ({type(error).__name__}: {error}); please report it"
            self._reject(UNREADABLE, reason, image.file)
            return
        if radiograph is None:
            return
        view = image.view or radiograph.view
        if view is None:
            reason = "neither the release nor the file says whether it is frontal or lateral"
            self._reject("view unknown", reason, image.file)
            return
        if radiograph.looks_negative:
            self.warnings.append(
                self._noted("looks like a negative", radiograph.notes[-1], image.file)
            )
        self.tallies[f"burned-in annotation: {self._checked(radiograph)}"] += 1
        yield view, radiograph

    def _radiograph(self, image: ListedImage) -> Radiograph | None:
        """What the file shows; None where it has burned-in annotation, which is noted."""
        name, settings = "the file", self.job.preprocessing
        data = read_bytes(image.file)
        decoded = decode_file(data, name, image.view, settings.policy)
        if decoded.burned_in == "YES":
            self._reject("burned-in annotation", "Burned In Annotation is YES", image.file)
            return None
        if self.job.find_text:
            found = find_text(decoded.pixels)
            if found:
                reason = f"text was found in the image ({len(found)} words)"
                self._reject("burned-in annotation", reason, image.file)
                return None
        return preprocessed(decoded, name, settings)

    def _checked(self, radiograph: Radiograph) -> str:
        """What is known of text in an image that is in the store."""
        if self.job.find_text:
            return "none found by tesseract"
        return "declared free of it" if radiograph.burned_in == "NO" else "not checked"

    def _require_alive(self, step: str) -> None:
        if how := self.job.died.get(step):
            raise InputError(f"the file {how}; it is damaged, copy or export it again")

    def _reject(self, kind: str, reason: str, file: Path) -> None:
        self.rejects.append(self._noted(kind, reason, file))

    def _noted(self, kind: str, reason: str, file: Path) -> Reject:
        nameless = reason.replace(str(file), "the file")
        return Reject(study=self.id, kind=kind, reason=nameless, file=str(file))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A view that can be used, and what was written of it alone."""

    radiograph: Radiograph
    note: ReportSections | None


def _notes(shown: Iterable[_Shown]) -> ReportSections | None:
    notes = [one.note for one in shown if one.note is not None]
    return together(notes) if notes else None


def _text(report: ReportFile) -> str:
    """The characters of a report; those that are no UTF-8 are Latin-1, as old systems write."""
    if not report.member:
        data = read_bytes(report.file)
    else:
        try:
            archive = _archive(report.file)
            if archive.getinfo(report.member).file_size > MAX_BYTES:
                raise InputError(f"{report.member} is larger than a report can be")
            data = archive.read(report.member)
        except KeyError as error:
            raise InputError(
                f"{report.file} holds no report of this study; download it again"
            ) from error
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise InputError(f"cannot read {report.file} ({error}); download it again") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@lru_cache(maxsize=2)
def _archive(file: Path) -> zipfile.ZipFile:
    """An archive of many thousand reports, whose directory is read once."""
    return zipfile.ZipFile(file)
