"""The vocabulary that comes with weights: token ids mean nothing without it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tokenizers import Tokenizer

from xgem.data.report_tokens import BOS, EOS, PAD, ReportTokens
from xgem.errors import CheckpointError
from xgem.known_weights.source import Library, Trained


def vocabulary_of(source: Library, *, marked: bool) -> str:
    """Read the tokenizer of a folder of transformers as ``tokenizer.json``.

    Args:
        source: the folder.
        marked: add marks for padding, begin and end, as the release does for GPT-2.

    Raises:
        CheckpointError: the folder has none.
    """
    try:
        from transformers import AutoTokenizer

        loaded = AutoTokenizer.from_pretrained(source.tokenizer)
        tokenizer: Tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    except Exception as error:  # it raises whatever is wrong with its files
        raise CheckpointError(
            f"{source.where} comes without a tokenizer that can be read "
            f"({str(error).splitlines()[0]}); copy the tokenizer's files into the folder"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if marked:
        tokenizer.add_special_tokens([PAD, BOS, EOS])
    return str(tokenizer.to_str())


def with_vocabulary(part: Any, field: str, vocabulary: str, rows: int | None = None) -> Any:
    """Give one part of a model a vocabulary.

    Args:
        part: its configuration.
        field: "vocabulary", "encoder_vocabulary" or "decoder_vocabulary".
        vocabulary: the tokenizer as JSON.
        rows: of the embedding, where these are more than the tokens.
    """
    size = max(len(ReportTokens(vocabulary)), rows or 0)
    return replace(part, **{field: vocabulary, f"{field}_size": size})


def copied(part: Any, source: Trained, name: str, fields: Iterable[str]) -> Any:
    """Give one part the vocabularies of the same part of another model."""
    theirs: Any = (source.config.prompt_encoders | source.config.autoencoders).get(name)
    values = {
        key: getattr(theirs, key)
        for field in fields
        for key in (field, f"{field}_size")
        if hasattr(theirs, key) and hasattr(part, key)
    }
    return replace(part, **values)
