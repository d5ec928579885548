"""A whole study from one seed: patient, findings, two radiographs and a report."""

from dataclasses import dataclass, replace

import numpy as np

from xgem.phantoms.acquisition import Acquisition, is_portable, sample_acquisition
from xgem.phantoms.anatomy import Patient, sample_patient
from xgem.phantoms.atlas import TREES, load_atlas, load_vessels
from xgem.phantoms.chest import build_chest, lung_box, soft_tissue
from xgem.phantoms.deformation import Deformation
from xgem.phantoms.devices import catheter, electrodes, kerley, pacemaker
from xgem.phantoms.exposure import expose, natural_texture
from xgem.phantoms.findings import LABELS, of_label, sample_findings
from xgem.phantoms.opacities import collapse, consolidate, flood, inflate, nodule
from xgem.phantoms.overlays import overlay
from xgem.phantoms.physique import body, interior
from xgem.phantoms.pleura import drawn_in, escape, pour
from xgem.phantoms.scene import Scene, frontal_water, lateral_water
from xgem.phantoms.shifts import shift
from xgem.phantoms.skeleton import (
    break_ribs,
    chest_bones,
    frontal_bones,
    lateral_bones,
    skeleton,
)
from xgem.phantoms.specks import Array, Specks, join
from xgem.phantoms.stomach import stomach_gas
from xgem.phantoms.streams import Stream, stream
from xgem.phantoms.wording import describe
from xgem.study import FRONTAL, LATERAL, REPORT, Finding, Study

_VESSELS = 1.15
"""How much stronger vessels are than they are grown."""
_MONITORED = 0.55
"""Share of bedside radiographs with electrodes on the chest."""
_SHALLOW = 14.0
"""mm by which the diaphragm stands higher in a bedside radiograph."""


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary radiation that reaches the detector: no scatter, no noise, no display."""

    frontal: Array
    """(size, size) mm of water along each ray."""
    lateral: Array


def simulate(seed: int, size: int = 128, *, findings: tuple[Finding, ...] | None = None) -> Study:
    """The study of ``seed``: both views (size, size) in [0, 1], the report and the truth.

    Args:
        seed: decides the patient, how the study is taken, its noise and its words.
        size: rows and columns of each view.
        findings: what is wrong, instead of what ``seed`` has in store. The same patient with one
            finding more, less or worse is a counterfactual; see `xgem.phantoms.counterfactual`.
    """
    if findings is None:
        findings = sample_findings(seed)
    frontal, lateral = render(sample_patient(seed), findings, seed, size)
    return Study(
        id=f"phantom-{seed}",
        contents={FRONTAL: frontal, LATERAL: lateral, REPORT: describe(findings, seed)},
        findings=findings,
        synthetic=True,
    )


def render(
    patient: Patient, findings: tuple[Finding, ...], seed: int, size: int = 128
) -> tuple[Array, Array]:
    """The frontal and the lateral radiograph, each float32 (size, size) in [0, 1].

    ``seed`` decides how the pictures are taken and where in their zones the findings lie, so the
    same seed without one finding is the same picture without it.
    """
    scene, acquisition = build_scene(patient, findings, seed, size)
    return develop(project(scene, acquisition), acquisition, seed)


def project(scene: Scene, acquisition: Acquisition) -> Primary:
    """Send the beams of both views through a scene."""
    return Primary(frontal_water(scene, acquisition), lateral_water(scene, acquisition))


def develop(primary: Primary, acquisition: Acquisition, seed: int) -> tuple[Array, Array]:
    """What detector and display make of the primary radiation; noise depends on ``seed`` alone."""
    pictures = []
    for part, (water, view, exposure) in enumerate(
        (
            (primary.frontal, acquisition.frontal, acquisition.frontal_exposure),
            (primary.lateral, acquisition.lateral, acquisition.lateral_exposure),
        )
    ):
        rng = stream(seed, Stream.NOISE, part)
        uneven = water * (1 + 0.012 * natural_texture(rng, view.size, 1.3))
        noise = rng.standard_normal(water.shape).astype(np.float32)
        gray = expose(uneven, noise, view.pixel, exposure)
        pictures.append(overlay(gray, view, acquisition.portable and part == 0, rng))
    return pictures[0], pictures[1]


def build_scene(
    patient: Patient, findings: tuple[Finding, ...], seed: int, size: int
) -> tuple[Scene, Acquisition]:
    """A patient with findings before the tube, and how the study is taken."""
    fine = size > 160
    portable = is_portable(seed)
    if portable:
        patient = replace(patient, inspiration=patient.inspiration - _SHALLOW)
    around = body(patient)
    healthy = interior(patient, around)
    changes = shift(patient, findings, not portable)
    inside = healthy if changes is None else interior(patient, around, changes)
    box = lung_box(Deformation.of(healthy))
    chest = build_chest(patient, around, inside, box, 2.0 if fine else 2.8)
    acquisition = sample_acquisition(patient, box, seed, size)
    bones = skeleton(patient, fine)
    atlas = load_atlas()
    airways = atlas.airways[fine]
    vessels = load_vessels(patient.seed % TREES)
    vessels = Specks(chest.interior.apply(vessels.points), vessels.mass)
    flowing = [Specks(chest.interior.apply(airways.points), -airways.mass), stomach_gas(chest)]
    placed = []
    for label in _ORDER:
        finding = of_label(findings, label)
        if finding is None:
            continue
        rng = stream(seed, Stream.DETAILS, LABELS.index(label))
        if label == "Pneumothorax":
            gap = escape(chest, finding, rng, not portable)
            vessels = drawn_in(vessels, chest, gap, str(finding.side))
        elif label == "Pleural Effusion":
            pour(chest, finding, rng, not portable)
        elif label in _OPACITIES:
            _OPACITIES[label](chest, finding, rng)
        elif label in _DEVICES:
            placed.append(_DEVICES[label](chest, finding, rng))
        elif label == "Fracture":
            break_ribs(bones, finding, rng)
        if label == "Edema":
            flowing.append(kerley(chest, finding, rng))
    shown = chest.sampled(chest.vessel, vessels.points)
    flowing.append(vessels.scaled(_VESSELS * patient.markings * shown))
    clutter = stream(seed, Stream.ACQUISITION, 2)
    if clutter.random() < (_MONITORED if portable else 0.04):
        placed.append(electrodes(chest, clutter))
    tissue, trunk = soft_tissue(chest.body, box)
    scene = Scene(
        patient=patient,
        chest=chest,
        tissue=tissue,
        trunk=trunk,
        flowing=join(flowing),
        placed=join([chest_bones(chest.body, bones), *placed]),
        hanging=frontal_bones(patient, chest.body, bones, acquisition.spread),
        raised=lateral_bones(chest.body, bones),
    )
    return scene, acquisition


_OPACITIES = {
    "Hyperinflation": inflate,
    "Edema": flood,
    "Consolidation": consolidate,
    "Atelectasis": collapse,
    "Lung Lesion": nodule,
}
_DEVICES = {"Pacemaker": pacemaker, "Central Line": catheter}
_ORDER = (
    "Hyperinflation",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Lung Lesion",
    "Pneumothorax",
    "Pleural Effusion",
    "Fracture",
    "Pacemaker",
    "Central Line",
)
"""In which findings are put in: fluid lies below gas, and both displace what is in the lung."""
