"""What a reader of a release has to say: which studies there are, and where their parts lie.

A reader only lists. It opens tables and reports, never pixels;
`xgem.data.preparing.prepared_study` turns what is listed into rows of a store, in many processes. A
new source is one file beside this one with a class that is a `Source`, its line in
`xgem.data.sources`, and its test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from xgem.data.report_sections import ReportSections
from xgem.study import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """One radiograph of a study, not opened yet."""

    file: Path
    view: Modality | None = None
    """Frontal or lateral, as the release says; None leaves it to the file's own header."""
    left_out: str = ""
    """Why the image is not wanted ("Projection is COSTAL"); "" where it is."""
    note: ReportSections | None = None
    """What was written of this image alone. A row then has the notes of its own images instead of
    a report of the study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A free-text report that is read when its study is prepared."""

    file: Path
    member: str = ""
    """Name within the file, where that is a zip archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenReport:
    """A report that the reader could not read; it is rejected when its study is prepared."""

    file: Path
    reason: str
    """Without the name of the file, which may name a patient: "the file is ..."."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStudy:
    """One study as the release lists it, under the identifiers of the release."""

    id: str
    """Unique in the release."""
    patient: str
    images: tuple[ListedImage, ...] = ()
    report: ReportSections | ReportFile | BrokenReport | str | None = None
    """In sections, as a file, or as free text; None where the study has none."""
    labels: Mapping[str, float] | None = None
    """The publisher's, by CheXpert's names; None leaves them to the project's labeler."""
    split: str | None = None
    """The publisher's: "train", "validation" or "test"; None where there is none."""
    lines: tuple[tuple[str, str | None], ...] = ()
    """Patient and split of every line of the release's table that names the study, for
    `xgem.data.splits` to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All studies of a release."""

    studies: Sequence[ListedStudy]
    remarks: Mapping[str, int] = field(default_factory=dict)
    """What was left out already, by a few words, such as studies whose folder is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What a store has to say of where its studies come from."""

    name: str
    """As `xgem data prepare` takes it."""
    title: str
    url: str
    """Where the publisher documents the layout."""
    license: str
    reader_version: int = 1
    """Raised when the same release would give another store."""


@runtime_checkable
class Source(Protocol):
    """A release at a place on disk."""

    @property
    def facts(self) -> SourceFacts:
        """Name, origin and terms."""
        ...

    def list_studies(self) -> Listing:
        """List what is there.

        Raises:
            InputError: this is not such a release, or a table lacks a column.
        """
        ...
