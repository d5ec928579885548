"""The files of one sample: pictures, DICOM, text, and where they came from."""

from pathlib import Path

from xgem.data.dicom_out import SampleIdentity, write_dicom
from xgem.data.radiograph import write_png
from xgem.data.report import write_text
from xgem.sampling.provenance import Provenance
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
            files.append(write_png(folder / f"{modality.name}.png", content))
            dicom = folder / f"{modality.name}.dcm"
            files.append(write_dicom(dicom, content, modality=modality, sample=identity))
    files.append(provenance.write(folder / "provenance.json"))
    return files
