"""Which words share a sentence: what a report says, told from its latent without writing it."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.report_tokens import ReportTokens

_RARE = 0.01
"""Share of reports that hold a pair, before training."""


class WordFinder:
    """Finds words, and the ends of sentences, among the tokens of reports.

    Args:
        tokens: the vocabulary.
        words: each as one token, in any case; one of several tokens is never found.
    """

    def __init__(self, tokens: ReportTokens, words: Sequence[str]) -> None:
        self.place = torch.full((len(tokens),), len(words))
        for place, word in enumerate(words):
            self.place[tokens.ids_of_words([word])] = place
        self.periods = torch.tensor(tokens.ids_of_words(["."]))

    def __call__(
        self, ids: Int[Tensor, "batch tokens"]
    ) -> tuple[Int[Tensor, "batch tokens"], Bool[Tensor, "batch tokens"]]:
        """Give the place of each token among the words, and which tokens end a sentence."""
        return self.place.to(ids.device)[ids], torch.isin(ids, self.periods.to(ids.device))


class WordPairs(nn.Module):
    """Tell linearly from a latent which pairs of words stand in one sentence of its report.

    A decoder that may see the words before foretells most of them without its latent, so that
    little asks for the few that matter. Asked for every pair at once, the latent learns that the
    effusion is "small" and "left" and the nodule "right" in a fraction of the steps. A word is
    paired with itself, too, which asks whether it is there.

    After the bag-of-words loss of Zhao et al. 2017 (arXiv 1703.10960), section 3.3.

    Args:
        latent: width of the latents.
        words: how many words there are.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, latent: int, words: int) -> None:
        super().__init__()
        self.words = words
        rows, columns = torch.triu_indices(words, words)
        self.told = nn.Linear(latent, len(rows))
        nn.init.zeros_(self.told.weight)
        nn.init.constant_(self.told.bias, math.log(_RARE))
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def there(
        self, words: Int[Tensor, "batch tokens"], ends: Bool[Tensor, "batch tokens"]
    ) -> Bool[Tensor, "batch pairs"]:
        """Say which pairs reports hold.

        Args:
            words: place of each token among the words; their number where it is none of them.
            ends: which tokens end a sentence.
        """
        sentences = ends.long().cumsum(1)
        marked = sentences.new_zeros(len(words), int(sentences.max()) + 1, self.words + 1)
        reports = torch.arange(len(words), device=words.device)[:, None].expand_as(words)
        marked[reports, sentences, words] = 1
        held = marked[..., : self.words].float()
        together = torch.einsum("bsw,bsv->bwv", held, held) > 0
        found: Tensor = together[:, self.rows, self.columns]
        return found

    def forward(
        self, raw: Float[Tensor, "batch latent"], there: Bool[Tensor, "batch pairs"]
    ) -> Float[Tensor, " batch"]:
        """Binary cross-entropy of each report, in nats: the sum over its pairs."""
        told = self.told(raw).float()
        losses = F.binary_cross_entropy_with_logits(told, there.float(), reduction="none")
        return losses.sum(1)
