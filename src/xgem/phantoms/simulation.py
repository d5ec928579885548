"""A whole study from one seed: patient, findings, two radiographs and a report."""

import numpy as np

from xgem.phantoms.anatomy import Array, Patient, sample_patient
from xgem.phantoms.chest import Chest, build_chest
from xgem.phantoms.devices import device
from xgem.phantoms.findings import heart_scale, insert, kerley, lesion, sample_findings
from xgem.phantoms.projection import (
    TISSUE,
    View,
    collimate,
    expose,
    frontal_body,
    gas_path,
    lateral_body,
    natural_texture,
)
from xgem.phantoms.skeleton import Cloud, fade, girdle, humeri, join, lengths, ribs, vertebrae
from xgem.phantoms.streams import Stream, stream
from xgem.phantoms.vessels import vessels
from xgem.phantoms.wording import describe
from xgem.study import FRONTAL, LATERAL, REPORT, Finding, Study


def simulate(seed: int, size: int = 128) -> Study:
    """The study of ``seed``: both views (size, size) in [0, 1], the report and the truth."""
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
    chest = build_chest(patient, heart_scale(findings))
    insert(chest, findings, seed)
    devices = [device(patient, finding, seed) for finding in findings]
    markings = _lung_markings(chest, findings, seed)
    cloud = join([markings, vertebrae(patient), girdle(patient), *devices])
    cage = ribs(patient)
    # For the lateral view the arms are raised, and harder radiation shows less of the ribs.
    from_front, from_left = join([cloud, cage, humeri(patient)]), join([cloud, fade(cage, 0.65)])
    nodules = [lesion(chest, f, seed) for f in findings if f.label == "Lung Lesion"]
    frontal, lateral = _views(patient, seed, size)
    return (
        _radiograph(chest, frontal, from_front, nodules, seed),
        _radiograph(chest, lateral, from_left, nodules, seed),
    )


def _views(patient: Patient, seed: int, size: int) -> tuple[View, View]:
    rng = stream(seed, Stream.ACQUISITION)
    middle = (patient.apex + patient.base) / 2
    field = max(2.16 * (patient.half_width + 14), 1.16 * (patient.base - patient.apex))
    frontal = View(
        axes=(0, 1),
        size=size,
        field=field * rng.uniform(0.99, 1.14),
        center=(rng.normal(0, 5), middle + rng.normal(2, 6)),
        turn=rng.normal(0, 0.018),
        toward=1,
    )
    lateral = View(
        axes=(1, 0),
        size=size,
        field=1.22 * (patient.base - patient.apex) * rng.uniform(0.98, 1.12),
        center=(rng.normal(0, 7), middle + rng.normal(2, 7)),
        turn=rng.normal(0, 0.03),
        toward=-1,
    )
    return frontal, lateral


def _lung_markings(chest: Chest, findings: tuple[Finding, ...], seed: int) -> Cloud:
    tree = vessels(chest.patient)
    shown = [Cloud(tree.points, tree.weights * chest.vessel[chest.index(tree.points)])]
    for finding in findings:
        if finding.label == "Edema":
            ends = kerley(chest, finding, seed)
            part = np.linspace(0, 1, 10)[None, :, None]
            path = ends[:, :1] * (1 - part) + ends[:, 1:] * part
            dense = 0.22 * lengths(path) * chest.lung[chest.index(path)]
            shown.append(Cloud(path.reshape(-1, 3), dense.reshape(-1)))
    return join(shown)


def _radiograph(
    chest: Chest, view: View, cloud: Cloud, nodules: list[tuple[Array, float]], seed: int
) -> Array:
    coordinates = view.coordinates()
    rng = stream(seed, Stream.NOISE, view.axes[0])
    is_frontal = view.axes[0] == 0
    body = (frontal_body if is_frontal else lateral_body)(chest.patient, *coordinates)
    gas = gas_path(chest, view, coordinates)
    fine = natural_texture(rng, view.size, 0.9) * 0.7 + natural_texture(rng, view.size, 0.3) * 0.3
    solid = np.maximum(body - gas * (1 - 0.022 * fine), 0)
    for center, radius in nodules:
        column, z = coordinates
        square = (column - center[view.axes[0]]) ** 2 + (z - center[2]) ** 2
        solid += 2.2 * np.sqrt(np.maximum(radius**2 - square, 0))
    solid *= 1 + 0.018 * natural_texture(rng, view.size, 1.4)
    # The thicker lateral chest is taken with harder radiation.
    attenuation = (1 if is_frontal else 0.72) * (TISSUE * solid + view.splat(cloud))
    return collimate(expose(attenuation, body, view, rng), rng)
