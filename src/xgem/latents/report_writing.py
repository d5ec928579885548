"""Writing reports token by token: all latents at once, one new token a forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

Score = Callable[[Int[Tensor, "batch 1"], int], Float[Tensor, "batch vocabulary"]]
"""Takes the latest token and how many were written before it; gives logits of the next."""
Choose = Callable[[Float[Tensor, "batch vocabulary"]], Int[Tensor, " batch"]]
"""Picks the next token of each report."""


@dataclass(frozen=True)
class MarkIds:
    """Ids of the tokens that are no text."""

    pad: int
    bos: int
    eos: int


def write_ids(
    score: Score, choose: Choose, batch: int, marks: MarkIds, longest: int, device: torch.device
) -> Int[Tensor, "batch tokens"]:
    """Write until every report has ended or holds ``longest`` tokens, BOS included.

    What follows the EOS of a report is padding.
    """
    ids = torch.full((batch, 1), marks.bos, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    while ids.shape[1] < longest and not done.all():
        following = choose(score(ids[:, -1:], ids.shape[1] - 1)).masked_fill(done, marks.pad)
        ids = torch.cat([ids, following[:, None]], dim=1)
        done |= following == marks.eos
    return ids


def close(
    ids: Int[Tensor, "batch tokens"], marks: MarkIds, longest: int
) -> Int[Tensor, "batch tokens"]:
    """Let the last token of a report that reached ``longest`` without an end give way to EOS."""
    if ids.shape[1] < longest:
        return ids
    open_ended = ~(ids == marks.eos).any(1)
    closed = ids.clone()
    closed[open_ended, -1] = marks.eos
    return closed


def most_likely(logits: Float[Tensor, "batch vocabulary"]) -> Int[Tensor, " batch"]:
    """Choose without chance."""
    return logits.argmax(-1)


def drawn(sources: Sequence[torch.Generator], top_p_cut: bool) -> Choose:
    """Draw each token from the softmax, each report from its own CPU generator.

    With ``top_p_cut`` from what `without_tail` leaves of it. The vocabulary is sorted for that only
    where the token that was drawn may be one of those that are cut, in about one draw of a hundred;
    it is then drawn again, with the same chance.
    """

    def choose(logits: Float[Tensor, "batch vocabulary"]) -> Int[Tensor, " batch"]:
        rows = logits.float().cpu()
        tokens = []
        for row, shares, source in zip(rows, rows.softmax(-1), sources, strict=True):
            before = source.get_state()
            token = torch.multinomial(shares, 1, generator=source)
            if top_p_cut and _may_be_cut(shares, token):
                source.set_state(before)
                left = without_tail(row[None])[0].softmax(-1)
                token = torch.multinomial(left, 1, generator=source)
            tokens.append(token)
        return torch.cat(tokens).to(logits.device)

    return choose


def _may_be_cut(shares: Float[Tensor, " vocabulary"], token: Int[Tensor, " one"]) -> bool:
    """Tell whether the shares from the greatest to the token's may add up to 1 in float32."""
    rounding = len(shares) * torch.finfo(torch.float32).eps
    likelier = shares * (shares >= shares[token])
    return float(likelier.sum(dtype=torch.float64)) > 1 - rounding


def without_tail(logits: Float[Tensor, "batch vocabulary"]) -> Float[Tensor, "batch vocabulary"]:
    """Remove what nucleus sampling at p = 1 removes where it adds in float32.

    Nothing should be: but the sum of a softmax can reach more than 1 before its end, and every
    token that comes later, from the likely to the unlikely, is cut.

    Source: the release's top-k top-p filter, called with 1.0; Holtzman et al. 2020.
    """
    ordered, order = logits.sort(dim=-1, descending=True)
    beyond = ordered.softmax(-1).cumsum(-1) > 1.0
    # The token that crosses the line stays.
    cut = torch.cat([torch.zeros_like(beyond[:, :1]), beyond[:, :-1]], dim=-1)
    return logits.masked_fill(torch.zeros_like(cut).scatter(-1, order, cut), -torch.inf)
