"""The card of a store: ``README.md``, for people and for ``datasets.load_dataset``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xgem.data.store.counts import LABEL_WORDS
from xgem.data.store.schema import LABELS
from xgem.study import CHEST

_OPEN = """\
## Open it

```python
from xgem.data.store import Store                     # studies
from datasets import load_dataset                     # rows, pictures decoded
import ray                                            # blocks of rows, pictures as PNG bytes

Store(folder)[0]
load_dataset(folder)
ray.data.read_parquet(folder + "/data")
```
"""


def write_card(manifest: Mapping[str, Any]) -> str:
    """Write the card from what the manifest says."""
    facts, splits = manifest["facts"], manifest["counts"]
    parts = [
        _front_matter(manifest),
        f"# {facts['title']}, prepared by xgem {manifest['xgem']}\n",
        _origin(manifest),
        "## Counts\n",
        _table(["", *splits], _counts(splits)),
        _tallies(manifest),
        _labels(splits),
        _near_duplicates(manifest["near_duplicates"]),
        _OPEN,
    ]
    return "\n".join(parts)


def _front_matter(manifest: Mapping[str, Any]) -> str:
    lines = ["---", "license: other", f"license_name: {_quoted(manifest['facts']['license'])}"]
    files = {
        split: [s["file"] for s in manifest["shards"] if s["split"] == split]
        for split in manifest["counts"]
    }
    lines += ["configs:", "- config_name: default", "  data_files:"]
    for split, of_split in files.items():
        lines += [f"  - split: {split}", "    path:", *(f"    - {file}" for file in of_split)]
    return "\n".join([*lines, "tags:", "- chest-radiograph", "---", ""])


def _origin(manifest: Mapping[str, Any]) -> str:
    facts, preprocessing = manifest["facts"], manifest["preprocessing"]
    rows = [
        ["source", f"{facts['title']} ({manifest['source']}), {facts['url']}"],
        ["license of the source", facts["license"]],
        ["reader", f"{manifest['source']}, version {facts['reader_version']}"],
        ["preprocessing", ", ".join(f"{key} {value}" for key, value in preprocessing.items())],
        ["splits", manifest["splits_by"]],
        ["labels", manifest["labels_by"]],
        *([word, text] for word, text in manifest["privacy"].items()),
    ]
    return _table(["", ""], rows)


def _counts(splits: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    for name in ("patients", "studies", "rows"):
        yield [name, *(counts[name] for counts in splits.values())]
    for modality in CHEST:
        held = [_with(counts, modality.letter) for counts in splits.values()]
        yield [f"rows with {modality.name}", *held]
    for letters in sorted({letters for counts in splits.values() for letters in counts["holds"]}):
        there = [counts["holds"].get(letters, 0) for counts in splits.values()]
        yield [f"rows of {letters} alone", *there]


def _tallies(manifest: Mapping[str, Any]) -> str:
    tallies: Mapping[str, Mapping[str, int]] = manifest["tallies"]
    names = sorted({name for counted in tallies.values() for name in counted})
    rows = [[name, *(counted.get(name, 0) for counted in tallies.values())] for name in names]
    remarks = "".join(f"- {name}: {n:,}\n" for name, n in manifest["remarks"].items())
    if not rows and not remarks:
        return ""
    return "## What was met\n\n" + (_table(["", *tallies], rows) if rows else "") + remarks


def _labels(splits: Mapping[str, Mapping[str, Any]]) -> str:
    if not splits:
        return ""
    rows = [
        [label, *(_values(counts["labels"][label]) for counts in splits.values())]
        for label in LABELS
    ]
    words = " / ".join(LABEL_WORDS)
    return f"## Labels\n\n{words}, in rows\n\n" + _table(["", *splits], rows)


def _values(counted: Mapping[str, int]) -> str:
    return " / ".join(f"{counted[word]:,}" for word in LABEL_WORDS)


def _near_duplicates(found: Mapping[str, Any]) -> str:
    if not found["pairs"]:
        said = "No image of one split is nearly the same as an image of another."
    else:
        said = (
            f"{found['pairs']} pairs of images of different splits are nearly the same "
            f"(at most {found['bits']} of {found['of']} bits of a perceptual hash differ): "
            f"see `near-duplicates.csv`."
        )
    return f"## Across splits\n\nNo patient is in two splits. {said}\n"


def _with(counts: Mapping[str, Any], letter: str) -> int:
    return sum(n for held, n in counts["holds"].items() if letter in held.split("+"))


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "/")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
