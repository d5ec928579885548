"""Report -> one unit vector in the shared space."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.report_tokens import ReportTokens
from xgem.errors import ConfigError
from xgem.kinds import PromptEncoderKind
from xgem.ranges import Count, Depth
from xgem.study import Content


@dataclass(frozen=True, kw_only=True)
class ReportEncoderConfig(PromptEncoderKind):
    """CLIP's text tower; the defaults are ViT-L/14's, as published."""

    kind: Literal["report_encoder"] = "report_encoder"
    vocabulary: str = ""
    """``tokenizer.json`` as text; empty until a run has learned it from its reports."""
    vocabulary_size: Count = 49408
    positions: Count = 77
    """Longest report in tokens, BOS and EOS included; what is longer is cut."""
    hidden: Count = 768
    feed_forward: Count = 3072
    layers: Depth = 12
    heads: Count = 12
    width: Count = 768
    empty_text: str = ""
    """The text that stands for no report; released: the empty one."""
    aside: ClassVar[frozenset[str]] = frozenset({"empty_text"})

    @property
    def shapes(self) -> dict[str, Any]:
        return {
            "tokens read": self.positions,
            "vocabulary": self.vocabulary_size,
            "vector": [self.width],
        }

    def build(self) -> "ReportEncoder":
        return ReportEncoder(self)


class ReportEncoder(nn.Module):
    """CLIP's text tower (Radford et al. 2021), from transformers: causal, pooled at EOS."""

    def __init__(self, config: ReportEncoderConfig) -> None:
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        super().__init__()
        self.config = config
        self.end = self.tokens.eos if config.vocabulary else config.vocabulary_size - 1
        self.tower = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=config.vocabulary_size,
                hidden_size=config.hidden,
                intermediate_size=config.feed_forward,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                max_position_embeddings=config.positions,
                projection_dim=config.width,
                hidden_act="quick_gelu",
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=self.end,
            )
        )

    @cached_property
    def tokens(self) -> ReportTokens:
        if not self.config.vocabulary:
            raise ConfigError(
                "the report encoder has no vocabulary; give its tokenizer.json, import the "
                "published weights again with --tokenizers, or train with a recipe that learns one"
            )
        return ReportTokens(self.config.vocabulary)

    @property
    def empty(self) -> Content:
        """The content that stands for no report."""
        return self.config.empty_text

    def doubt(self, content: Content) -> str | None:
        """Say how much of a report is read, where not all of it is."""
        read, there = self.config.positions - 2, self.tokens.count(str(content))
        if there <= read:
            return None
        return f"this model reads the first {read} of {there} tokens and not the rest; shorten it"

    def collate(self, contents: Sequence[Content]) -> Int[Tensor, "batch tokens"]:
        """Encode reports, padded to the longest."""
        return self.tokens.encode([str(text) for text in contents], self.config.positions)

    def forward(self, ids: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch embedding"]:
        # Pooled here: where EOS is 2, transformers takes CLIP's first configuration for granted,
        # in which 2 was written and EOS was the highest id, and pools there.
        states = self.tower.text_model(input_ids=ids).last_hidden_state
        places = (ids == self.end).int().argmax(-1)
        pooled = states[torch.arange(len(ids), device=ids.device), places]
        return F.normalize(self.tower.text_projection(pooled).float(), dim=-1)
