"""How real phantoms look: spectrum, histogram, two classifiers, a sheet to sort.

    python benchmarks/phantom_realism.py ../shared/data/cxr-open --out /tmp/realism

Compares the real radiographs of the folder with as many phantoms, frontal and lateral in the same
proportion, all cropped to their middle square and at the same size. Writes spectrum.png,
sheet.png (shuffled thumbnails, half of them real, numbered) and, apart from it, key.json. The last
line is JSON.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from xgem.data.radiograph import to_uint8
from xgem.data.resampling import resize
from xgem.phantoms import simulate
from xgem.study import FRONTAL, LATERAL
from xgem.version import commit

SIZE = 128
FIRST_SEED = 5_000_000
THUMBNAILS = 40
BINS = 32


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("real", type=Path)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--count", type=int, default=0, help="0 is all")
    arguments.add_argument("--size", type=int, default=SIZE)
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    real, lateral = _real(chosen.real, chosen.count, chosen.size, chosen.seed)
    phantoms = _phantoms(lateral, chosen.size, chosen.seed)
    result = {
        "size": chosen.size,
        "images": len(real),
        "lateral": int(lateral.sum()),
        "spectrum": _inside(np.log10(_spectra(real)), np.log10(_spectra(phantoms))),
        "histogram": _inside(_histograms(real), _histograms(phantoms)),
        "auroc real against phantom": _classifier(real, phantoms, lateral, chosen.seed),
        "linear probe, 32 px": _linear(real, phantoms, chosen.seed),
        "commit": commit(),
    }
    _plot(real, phantoms, chosen.out / "spectrum.png")
    _sheet(real, phantoms, chosen.out, chosen.seed)
    print(json.dumps(result))


def _real(folder: Path, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Real radiographs (images, size, size), and which of them are lateral."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    order = np.random.default_rng(seed).permutation(len(rows))[: count or None]
    images = []
    for place in order:
        with Image.open(folder / rows[place]["file"]) as file:
            gray = np.asarray(file.convert("L"), np.float32) / 255
        images.append(resize(_square(gray), size, size))
    return np.stack(images), np.array([rows[place]["view"] == "L" for place in order])


def _square(gray: np.ndarray) -> np.ndarray:
    side = min(gray.shape)
    top, left = ((length - side) // 2 for length in gray.shape)
    return np.ascontiguousarray(gray[top : top + side, left : left + side])


def _phantoms(lateral: np.ndarray, size: int, seed: int) -> np.ndarray:
    """As many phantoms, each in the view of its counterpart."""
    found = []
    for place, is_lateral in enumerate(lateral):
        study = simulate(FIRST_SEED + 10_000 * seed + place, size)
        found.append(study.contents[LATERAL if is_lateral else FRONTAL])
    return np.round(np.stack(found) * 255) / 255


def _spectra(images: np.ndarray) -> np.ndarray:
    """(images, size / 2 - 1) radial means of the power spectrum under a Hann window."""
    size = images.shape[-1]
    window = np.hanning(size)[:, None] * np.hanning(size)
    centered = images - images.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(centered * window)) ** 2
    frequency = np.fft.fftfreq(size) * size
    ring = np.hypot(frequency[:, None], frequency).round().astype(int).ravel()
    counts = np.bincount(ring)
    rows = [np.bincount(ring, one.ravel()) / counts for one in power]
    return np.stack(rows)[:, 1 : size // 2]


def _histograms(images: np.ndarray) -> np.ndarray:
    return np.stack([np.histogram(i, BINS, (0, 1))[0] / i.size for i in images])


def _inside(real: np.ndarray, phantoms: np.ndarray) -> dict[str, object]:
    """Where the phantoms' mean lies outside the 5-95 % band of the real ones."""
    low, high = np.percentile(real, [5, 95], axis=0)
    mean = phantoms.mean(axis=0)
    outside = np.flatnonzero((mean < low) | (mean > high))
    return {"bins": len(mean), "outside": outside.tolist()}


def _classifier(
    real: np.ndarray, phantoms: np.ndarray, lateral: np.ndarray, seed: int
) -> dict[str, float]:
    """AUROC of a small convolutional network that was trained on the other half."""
    import torch
    from sklearn.metrics import roc_auc_score
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(seed)
    images = torch.from_numpy(np.concatenate([real, phantoms])).float()[:, None]
    labels = torch.cat([torch.zeros(len(real)), torch.ones(len(phantoms))])
    views = np.concatenate([lateral, lateral])
    half = np.random.default_rng(seed).random(len(real)) < 0.5
    train = torch.from_numpy(np.concatenate([half, half]))

    def block(a: int, b: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
        )

    network = nn.Sequential(
        block(1, 16), block(16, 32), block(32, 48), block(48, 64),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 1),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    places = torch.nonzero(train)[:, 0]
    for _ in range(14):
        for batch in places[torch.randperm(len(places))].split(32):
            seen = images[batch]
            if torch.rand(()) < 0.5:
                seen = seen.flip(-1)
            loss = F.binary_cross_entropy_with_logits(network(seen)[:, 0], labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        scores = torch.cat([network(part)[:, 0] for part in images.split(64)]).numpy()
    held = ~train.numpy()
    known = labels.numpy()
    frontal = held & ~views
    return {
        "all": round(float(roc_auc_score(known[held], scores[held])), 3),
        "frontal": round(float(roc_auc_score(known[frontal], scores[frontal])), 3),
    }


def _linear(real: np.ndarray, phantoms: np.ndarray, seed: int) -> float:
    """AUROC of logistic regression on 32 x 32 pixels, five-fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    by = real.shape[-1] // 32
    images = np.concatenate([real, phantoms])
    small = images.reshape(len(images), 32, by, 32, by).mean(axis=(2, 4)).reshape(len(images), -1)
    labels = np.repeat([0, 1], [len(real), len(phantoms)])
    order = np.random.default_rng(seed).permutation(len(labels))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    scores = cross_val_predict(model, small[order], labels[order], method="decision_function")
    return round(float(roc_auc_score(labels[order], scores)), 3)


def _plot(real: np.ndarray, phantoms: np.ndarray, path: Path) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    pairs = (
        (np.log10(_spectra(real)), np.log10(_spectra(phantoms))),
        (_histograms(real), _histograms(phantoms)),
    )
    for axis, (one, other), name in zip(
        axes, pairs, ("spatial frequency, cycles a picture", "gray"), strict=True
    ):
        x = np.arange(one.shape[1]) + 1 if "spatial" in name else (np.arange(BINS) + 0.5) / BINS
        low, high = np.percentile(one, [5, 95], axis=0)
        axis.fill_between(x, low, high, alpha=0.3, label="real, 5-95 %")
        axis.plot(x, other.mean(axis=0), color="black", label="phantoms, mean")
        axis.set_xlabel(name)
        axis.legend()
    axes[0].set_xscale("log")
    axes[0].set_ylabel("log10 power")
    axes[1].set_ylabel("share of pixels")
    figure.savefig(path, dpi=110)


def _sheet(real: np.ndarray, phantoms: np.ndarray, folder: Path, seed: int) -> None:
    """Thumbnails in a random order, numbered from 1, and apart from them which are phantoms."""
    rng = np.random.default_rng(seed + 1)
    half = THUMBNAILS // 2
    chosen = [(image, False) for image in real[rng.permutation(len(real))[:half]]]
    chosen += [(image, True) for image in phantoms[rng.permutation(len(phantoms))[:half]]]
    order = rng.permutation(THUMBNAILS)
    side, columns = 256, 8
    rows = THUMBNAILS // columns
    sheet = Image.new("L", (columns * side, rows * side))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=18)
    for place, index in enumerate(order):
        pixels = to_uint8(chosen[index][0])
        at = (place % columns * side, place // columns * side)
        picture = Image.fromarray(pixels).resize((side - 4,) * 2, Image.Resampling.BICUBIC)
        sheet.paste(picture, at)
        draw.text((at[0] + 3, at[1] + side - 24), str(place + 1), fill=255, font=font)
    sheet.save(folder / "sheet.png")
    key = {place + 1: "phantom" if chosen[i][1] else "real" for place, i in enumerate(order)}
    (folder / "key.json").write_text(json.dumps(key, indent=1))


if __name__ == "__main__":
    main()
