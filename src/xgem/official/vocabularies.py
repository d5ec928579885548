"""The three vocabularies of the release, which its weights come without: CLIP, BERT, GPT-2."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers

from xgem.data.report_tokens import BOS, EOS, PAD, ReportTokens
from xgem.errors import ConfigError
from xgem.latents.report_vae import ReportVaeConfig
from xgem.model import ModelConfig
from xgem.prompts.report_encoder import ReportEncoderConfig

HUB = {
    "clip": "openai/clip-vit-large-patch14",
    "bert": "google-bert/bert-base-cased",
    "gpt2": "openai-community/gpt2",
}
"""Where the hub of Hugging Face keeps them."""
_CLIP_MERGES = 49152 - 256 - 2
"""Lines of CLIP's list of merges that it uses."""


@dataclass(frozen=True)
class Vocabularies:
    """Each as the text of a ``tokenizer.json``."""

    clip: str
    """Of the prompts."""
    bert: str
    """Of reports that are encoded to a latent; lower-cases, as the release does by hand."""
    gpt2: str
    """Of reports that are written; ends with the release's three marks."""

    def put_into(self, config: ModelConfig) -> ModelConfig:
        """Give every part of the released model that reads or writes text its vocabulary.

        Raises:
            ConfigError: one has not as many tokens as the weights.
        """
        prompt, vae = config.prompt_encoders["report_prompt"], config.autoencoders["report_vae"]
        assert isinstance(prompt, ReportEncoderConfig)
        assert isinstance(vae, ReportVaeConfig)
        prompt = replace(prompt, vocabulary=self.clip)
        vae = replace(vae, encoder_vocabulary=self.bert, decoder_vocabulary=self.gpt2)
        for name, text, size in (
            ("CLIP", self.clip, prompt.vocabulary_size),
            ("BERT", self.bert, vae.encoder_vocabulary_size),
            ("GPT-2", self.gpt2, vae.decoder_vocabulary_size),
        ):
            if (found := len(ReportTokens(text))) != size:
                raise ConfigError(
                    f"the vocabulary of {name} has {found} tokens, the weights want {size}; "
                    f"give the one that the release was trained with"
                )
        return replace(
            config,
            prompt_encoders={**config.prompt_encoders, "report_prompt": prompt},
            autoencoders={**config.autoencoders, "report_vae": vae},
        )


def read_vocabularies(folder: Path) -> Vocabularies:
    """Read them from files.

    Args:
        folder: holds the original lists, ``bpe_simple_vocab_16e6.txt.gz``,
            ``bert-base-cased-vocab.txt``, ``gpt2-vocab.json`` and ``gpt2-merges.txt``, or, in
            folders that end as on the hub (``bert-base-cased``), one ``tokenizer.json`` each.

    Raises:
        ConfigError: one is missing or damaged.
    """
    return Vocabularies(
        clip=_read(folder, "clip", _clip_list),
        bert=_lower_cased(_read(folder, "bert", _bert_list)),
        gpt2=_with_marks(_read(folder, "gpt2", _gpt2_list)),
    )


def fetch_vocabularies() -> Vocabularies:
    """Get them from the hub, or from its cache on this machine.

    Raises:
        ConfigError: the hub cannot be reached.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    texts = {}
    for name, place in HUB.items():
        try:
            path = hf_hub_download(place, "tokenizer.json", etag_timeout=5)
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise ConfigError(
                f"cannot get the vocabulary {place} from the hub; give a folder that holds the "
                f"three vocabularies with --tokenizers"
            ) from error
        texts[name] = Path(path).read_text(encoding="utf-8")
    return Vocabularies(texts["clip"], _lower_cased(texts["bert"]), _with_marks(texts["gpt2"]))


def _read(folder: Path, name: str, from_list: Callable[[Path], str]) -> str:
    hub_name = HUB[name].rpartition("/")[2]
    for path in sorted(folder.glob("*/tokenizer.json")):
        if path.parent.name.endswith((name, hub_name)):
            return path.read_text(encoding="utf-8")
    try:
        return from_list(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{folder} holds no vocabulary of {name} that can be read ({error}); give the original "
            f"lists, or {hub_name}/tokenizer.json"
        ) from error


def _clip_list(folder: Path) -> str:
    from transformers import CLIPTokenizer

    with gzip.open(folder / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : _CLIP_MERGES + 1]
    merges = [tuple(line.split()) for line in lines]
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: place for place, token in enumerate(tokens)}
    return _text(CLIPTokenizer, vocabulary, merges)


def _bert_list(folder: Path) -> str:
    from transformers import BertTokenizer

    lines = (folder / "bert-base-cased-vocab.txt").read_text(encoding="utf-8").splitlines()
    vocabulary = {token: place for place, token in enumerate(lines)}
    return _text(BertTokenizer, vocabulary, do_lower_case=False)


def _gpt2_list(folder: Path) -> str:
    from transformers import GPT2Tokenizer

    vocabulary = json.loads((folder / "gpt2-vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "gpt2-merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    merges = [tuple(line.split()) for line in lines if line]
    return _text(GPT2Tokenizer, vocabulary, merges)


def _text(kind: Any, vocabulary: Mapping[str, int], merges: Any = None, **settings: Any) -> str:
    """Let one of transformers' tokenizers say itself as ``tokenizer.json``."""
    if merges is not None:
        settings["merges"] = merges
    text: str = kind(vocab=vocabulary, **settings).backend_tokenizer.to_str()
    return text


def _byte_letters() -> list[str]:
    """The 256 letters that stand for bytes, printable ones first.

    Source: Radford et al. 2019 (GPT-2), ``bytes_to_unicode``.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(len(others))]


def _lower_cased(text: str) -> str:
    tokenizer = Tokenizer.from_str(text)
    steps = [normalizers.Lowercase()]
    if tokenizer.normalizer is not None:
        steps.append(tokenizer.normalizer)
    tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer.to_str()


def _with_marks(text: str) -> str:
    tokenizer = Tokenizer.from_str(text)
    tokenizer.add_special_tokens([PAD, BOS, EOS])
    return tokenizer.to_str()
