"""The files of a generation: pictures, DICOM, text, and where they came from."""

from collections.abc import Sequence
from pathlib import Path

from xgem.data.dicom.writing import SampleIdentity, write_dicom
from xgem.data.marking import png_chunks, png_mark
from xgem.data.radiograph import write_png
from xgem.data.report import write_text
from xgem.sampling.provenance import Provenance
from xgem.sampling.sheet import contact_sheet
from xgem.study import Study


def write_sample(folder: Path, sample: Study, provenance: Provenance) -> list[Path]:
    """Write all that ``sample`` holds into ``folder``, which must not be there yet.

    A radiograph becomes an 8-bit PNG and a DICOM file, both marked as synthetic, a report a text
    file; each is named after its modality.

    Returns:
        The files, ``provenance.json`` last.

    Raises:
        OutputError: the disk is full or may not be written.
    """
    folder.mkdir()
    identity = SampleIdentity(
        uid_entropy=[provenance.model_dump_json()],
        created=provenance.time,
        derivation=f"{provenance.task}, seed {provenance.seed}, model {provenance.checkpoint.name}",
    )
    files = []
    for modality in sample.modalities:
        content = sample.contents[modality]
        if isinstance(content, str):
            files.append(write_text(folder / f"{modality.name}.txt", content))
        else:
            png = folder / f"{modality.name}.png"
            files.append(write_png(png, content, provenance.in_short))
            dicom = folder / f"{modality.name}.dcm"
            files.append(write_dicom(dicom, content, modality=modality, sample=identity))
    files.append(provenance.write(folder / "provenance.json"))
    return files


def write_sheet(
    path: Path, given: Study, samples: Sequence[Study], records: Sequence[Provenance]
) -> None:
    """Draw the contact sheet of one generation; its text chunks say where it comes from.

    Args:
        path: of the PNG.
        given: what was put in.
        samples: what came out.
        records: where each sample comes from.

    Raises:
        OSError: the disk is full or may not be written.
    """
    said = records[0].in_short | {"Seed": ", ".join(str(record.seed) for record in records)}
    # Beside what may be a patient, not all of it is synthetic.
    mark = None if given.synthetic or not given.contents else f"PARTLY: {png_mark()}"
    sheet = contact_sheet(given, samples, [record.seed for record in records])
    sheet.save(path, pnginfo=png_chunks(said, mark))
