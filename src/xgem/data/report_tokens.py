"""Report text <-> token ids."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from xgem.data.report import MARK
from xgem.errors import ConfigError

PAD, BOS, EOS = "<PAD>", "<BOS>", "<EOS>"
_MARKS = (
    (PAD, BOS, EOS),
    ("[PAD]", "[CLS]", "[SEP]"),
    ("<|endoftext|>", "<|startoftext|>", "<|endoftext|>"),
)
"""Padding, begin and end: ours and the release's GPT-2's, BERT's, CLIP's."""


class ReportTokens:
    """A vocabulary with marks for padding, begin and end.

    One that is learned here is a byte-level BPE: every text is encodable, and decoding gives it
    back unchanged. Those of BERT and CLIP ignore case and spaces.

    Source: Sennrich et al. 2016; the byte level is GPT-2's (Radford et al. 2019).
    """

    def __init__(self, json: str) -> None:
        """Take a vocabulary in the format of Hugging Face's ``tokenizer.json``.

        Raises:
            ConfigError: it is not that, or has no marks.
        """
        self.json = json
        try:
            self._tokenizer = Tokenizer.from_str(json)
        except Exception as error:  # the library raises no kind of its own
            raise ConfigError(
                f"the vocabulary is no tokenizer.json ({error}); give one that xgem has learned, "
                f"or that of BERT, CLIP or the release's GPT-2"
            ) from error
        # A report that spells a mark is text like any other.
        self._tokenizer.encode_special_tokens = True
        self.pad, self.bos, self.eos = self._marks()

    def _marks(self) -> tuple[int, int, int]:
        for names in _MARKS:
            pad, bos, eos = (self._tokenizer.token_to_id(name) for name in names)
            if pad is not None and bos is not None and eos is not None:
                return pad, bos, eos
        known = ", or ".join(" ".join(names) for names in _MARKS)
        raise ConfigError(
            f"the vocabulary has no marks for padding, begin and end, expected {known}; "
            f"give one that xgem has learned, or that of BERT, CLIP or the release's GPT-2"
        )

    @classmethod
    def learn(cls, reports: Iterable[str], size: int) -> "ReportTokens":
        """Learn at most ``size`` tokens, the 256 bytes and three special ones included.

        Where a report holds the mark of de-identification, it is one token of its own.
        """
        reports = list(reports)
        marked = any(MARK in report for report in reports)
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size - marked,
            special_tokens=[PAD, BOS, EOS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(reports, trainer)
        if marked:
            tokenizer.add_tokens([AddedToken(MARK, special=False)])
        return cls(tokenizer.to_str())

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def count(self, report: str) -> int:
        """Tokens of a report, without its marks of begin and end."""
        return len(self._tokenizer.encode(report, add_special_tokens=False))

    def encode(
        self, reports: Sequence[str], longest: int, keep_end: bool = True
    ) -> Int[Tensor, "batch tokens"]:
        """Encode as BOS, text, EOS, padded to the longest of the batch and cut to ``longest``.

        Unless ``keep_end`` is False, the closing EOS survives the cut, because encoders pool there.
        """
        room = longest - 2 if keep_end else None
        rows = [
            [self.bos, *encoding.ids[:room], self.eos][:longest]
            for encoding in self._tokenizer.encode_batch(list(reports), add_special_tokens=False)
        ]
        ids = torch.full((len(rows), max(map(len, rows))), self.pad, dtype=torch.long)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = torch.tensor(tokens)
        return ids

    def decode(self, ids: Int[Tensor, " tokens"]) -> str:
        """Decode up to the first EOS, special tokens left out."""
        tokens = ids.tolist()
        if self.eos in tokens:
            tokens = tokens[: tokens.index(self.eos)]
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def ids_of_words(self, words: Iterable[str]) -> list[int]:
        """Return the tokens that are one of ``words``, in any case, with or without a space."""
        wanted = {word.lower() for word in words}
        return [
            index
            for index in range(len(self))
            if self._tokenizer.decode([index], skip_special_tokens=False).strip().lower() in wanted
        ]
