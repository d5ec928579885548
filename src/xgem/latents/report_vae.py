"""Report <-> latent: Optimus (Li et al. 2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.report_tokens import ReportTokens
from xgem.errors import ConfigError
from xgem.kinds import AutoencoderKind
from xgem.latents.normalization import LatentNormalization
from xgem.latents.posterior import kl_divergence, sample_posterior
from xgem.latents.report_writing import Choose, MarkIds, close, drawn, most_likely, write_ids
from xgem.latents.word_pairs import WordFinder, WordPairs
from xgem.ranges import Count, Depth, Fraction, Place, Positive
from xgem.share import Share
from xgem.study import Content


@dataclass(frozen=True, kw_only=True)
class ReportVaeConfig(AutoencoderKind):
    """The defaults are BERT-base and GPT-2 small, as published."""

    kind: Literal["report_vae"] = "report_vae"
    encoder_vocabulary: str = ""
    """``tokenizer.json`` of the encoder as text; empty until a run has learned or loaded it."""
    decoder_vocabulary: str = ""
    """The same for the decoder."""
    encoder_vocabulary_size: Count = 28996
    decoder_vocabulary_size: Count = 50260
    positions: Count = 512
    """Longest report in tokens that the encoder sees."""
    keep_end: bool = True
    """Let a report that is cut to this length still close with its end token; released: no."""
    decoder_positions: Count = 1024
    first_position: Place = 0
    """Position of the first decoded token. Quirk of the release: it counts from 1, as if its memory
    slot had position 0. On for released weights only."""
    longest: Count = 100
    """Most tokens that are written, BOS included."""
    writing: Literal["likely", "drawn"] = "likely"
    """How a token follows from its logits: the most likely one, or, as released, one drawn from the
    softmax; a drawn report that reaches ``longest`` ends in EOS there."""
    top_p_cut: bool = False
    """Quirk of the release, for drawn reports: its nucleus sampling at p = 1 cuts tokens from the
    end of the vocabulary wherever the float32 sum exceeds 1. On for released weights only."""
    width: Count = 768
    feed_forward: Count = 3072
    encoder_layers: Depth = 12
    decoder_layers: Depth = 12
    heads: Count = 12
    decoder_width: Count | None = None
    """As for the encoder where None, and so for the next two."""
    decoder_feed_forward: Count | None = None
    decoder_heads: Count | None = None
    latent: Count = 768
    pooling: Literal["first", "mean"] = "first"
    """Which of the encoder's outputs become the latent: the first token's, as released, or the
    mean of all, which a small encoder learns from scratch in a fraction of the steps."""
    memory_tokens: Count = 1
    """Slots a layer that hold the latent; released: 1."""
    init_std: Positive = 0.02
    """Of the initial weights. BERT's and GPT-2's 0.02 is for widths near 768; narrow layers start
    faster near width ** -0.5."""
    logvar_offset: float = 0.0
    """Added to the predicted log variance of the posterior. Below zero, the latent is told from its
    noise while the encoder is still untrained, and the decoder does not learn to do without it."""
    latent_std: Positive = 1 / 4.3108
    """Of the latents before they are fitted."""
    kl_weight: float = 1.0
    kl_start: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the stage that passes before the KL term begins to rise, linearly to its end."""
    free_bits: float = 3.0
    """Nats a dimension that cost nothing (Kingma et al. 2016)."""
    word_dropout: Fraction = 0.0
    """Share of the decoder's input tokens that are hidden, so that it must read the latent."""
    emphasized_words: tuple[str, ...] = ()
    """Words whose loss counts ``emphasis`` times: side, site, size."""
    emphasis: float = 1.0
    pairs: float = 0.0
    """Weight of the loss that asks the latent which emphasized words share a sentence, in nats a
    token; see `WordPairs`. Released: none."""
    aside: ClassVar[frozenset[str]] = frozenset(
        {"longest", "writing", "top_p_cut", "init_std", "latent_std", "kl_weight", "kl_start",
         "free_bits", "word_dropout", "emphasized_words", "emphasis", "pairs"}
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.first_position + self.longest - 1 > self.decoder_positions:
            raise ConfigError(
                f"reports of {self.longest} tokens from position {self.first_position} on need "
                f"more than the decoder's {self.decoder_positions} positions; make longest smaller"
            )
        if self.pairs and len(self.emphasized_words) < 2:
            raise ConfigError(
                f"pairs {self.pairs:g} asks for pairs of no words; name two in emphasized_words"
            )

    @property
    def acting(self) -> dict[str, Any]:
        width, feed_forward, heads = self.decoder_shape
        decoder = {
            "decoder_width": width,
            "decoder_feed_forward": feed_forward,
            "decoder_heads": heads,
        }
        return super().acting | decoder

    @property
    def shapes(self) -> dict[str, Any]:
        return {
            "tokens read": self.positions,
            "tokens written": self.longest,
            "vocabulary": self.decoder_vocabulary_size,
            "latent": [self.latent],
        }

    def build(self) -> "ReportVae":
        return ReportVae(self)

    @property
    def decoder_shape(self) -> tuple[int, int, int]:
        """Width, width of the feed-forward layers, and heads of the decoder."""
        return (
            self.decoder_width or self.width,
            self.decoder_feed_forward or self.feed_forward,
            self.decoder_heads or self.heads,
        )


class ReportVae(nn.Module):
    """BERT encodes a report to a Gaussian; GPT-2 decodes it from memory slots and an embedding."""

    decoding = ("decoder", "to_memory", "to_embedding", "normalization")
    """The parts that `decode` needs."""

    def __init__(self, config: ReportVaeConfig) -> None:
        from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

        super().__init__()
        self.config = config
        self.encoder = BertModel(
            BertConfig(
                vocab_size=config.encoder_vocabulary_size,
                hidden_size=config.width,
                intermediate_size=config.feed_forward,
                num_hidden_layers=config.encoder_layers,
                num_attention_heads=config.heads,
                max_position_embeddings=config.positions,
                layer_norm_eps=1e-12,
                initializer_range=config.init_std,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
        self.to_posterior = nn.Linear(config.width, 2 * config.latent, bias=False)
        width, feed_forward, heads = config.decoder_shape
        self.decoder = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=config.decoder_vocabulary_size,
                n_embd=width,
                n_inner=feed_forward,
                n_layer=config.decoder_layers,
                n_head=heads,
                n_positions=config.decoder_positions,
                initializer_range=config.init_std,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=None,
                eos_token_id=None,
            )
        )
        memory_width = config.decoder_layers * config.memory_tokens * width
        self.to_memory = nn.Linear(config.latent, memory_width, bias=False)
        self.to_embedding = nn.Linear(config.latent, width, bias=False)
        self.normalization = LatentNormalization(config.latent, 0, config.latent_std)
        if config.pairs:
            self.pairs = WordPairs(config.latent, len(config.emphasized_words))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent: (latent,)."""
        return (self.config.latent,)

    @cached_property
    def encoder_tokens(self) -> ReportTokens:
        return _tokens(self.config.encoder_vocabulary, "encoder")

    @cached_property
    def decoder_tokens(self) -> ReportTokens:
        return _tokens(self.config.decoder_vocabulary, "decoder")

    @cached_property
    def token_weights(self) -> Float[Tensor, " vocabulary"]:
        """Loss weight of each decoder token."""
        weights = torch.ones(self.config.decoder_vocabulary_size)
        weights[self.decoder_tokens.ids_of_words(self.config.emphasized_words)] = (
            self.config.emphasis
        )
        return weights

    @cached_property
    def finder(self) -> WordFinder:
        """Finds the emphasized words in what the decoder learns."""
        return WordFinder(self.decoder_tokens, self.config.emphasized_words)

    def collate(self, contents: Sequence[Content]) -> Int[Tensor, "batch tokens"]:
        """Encode reports for the encoder, padded to the longest."""
        texts = [str(text) for text in contents]
        return self.encoder_tokens.encode(texts, self.config.positions, self.config.keep_end)

    def encode(
        self, ids: Int[Tensor, "batch tokens"]
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Return the posterior's mean and log variance; id 0 is padding."""
        mask = (ids > 0).long()
        output = self.encoder(input_ids=ids, attention_mask=mask)
        pooled = output.pooler_output
        if self.config.pooling == "mean":
            shares = mask / mask.sum(1, keepdim=True)
            average = torch.einsum("bt,btw->bw", shares.to(pooled), output.last_hidden_state)
            assert self.encoder.pooler is not None
            pooled = self.encoder.pooler(average[:, None])
        mean, logvar = self.to_posterior(pooled).chunk(2, dim=-1)
        return mean, logvar + self.config.logvar_offset

    def to_latent(self, ids: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Return the normalized mean latent."""
        normalized: Tensor = self.normalization(self.encode(ids)[0])
        return normalized

    @property
    def spread(self) -> Float[Tensor, "*channels"]:
        """Standard deviation of each channel of a normalized latent, broadcastable to it."""
        return self.normalization.spread

    def fit_normalization(self, raw: Float[Tensor, "studies latent"]) -> None:
        """Fit the normalization to latents of the autoencoder's own scale."""
        self.normalization.fit(raw)

    def _memory(self, raw: Float[Tensor, "batch latent"], *, fixed: bool = False) -> Any:
        """Fill a key-value cache: each chunk of the memory is key and value of its layer."""
        from xgem.latents.memory_slots import MemorySlots

        config = self.config
        heads = config.decoder_shape[2]
        shape = (len(raw), config.decoder_layers, config.memory_tokens, heads, -1)
        slots = self.to_memory(raw).view(shape).transpose(2, 3)  # batch layers heads slots width
        return MemorySlots(slots, fixed=fixed)

    def _logits(
        self,
        ids: Int[Tensor, "batch tokens"],
        offset: Float[Tensor, "batch latent"],
        cache: Any,
        written: int,
    ) -> Float[Tensor, "batch tokens vocabulary"]:
        """Score the token after each of ``ids``, which follow ``written`` earlier ones."""
        first = self.config.first_position + written
        positions = torch.arange(first, first + ids.shape[1], device=ids.device)
        logits: Tensor = self.decoder(
            inputs_embeds=self.decoder.transformer.wte(ids) + offset[:, None],
            position_ids=positions.expand(len(ids), -1),
            past_key_values=cache,
            attention_mask=ids.new_ones(
                len(ids), self.config.memory_tokens + written + ids.shape[1]
            ),
            use_cache=True,
        ).logits
        return logits

    def score(
        self, ids: Int[Tensor, "batch tokens"], raw: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch tokens vocabulary"]:
        """Return the logits of the token after each of ``ids``, teacher forced."""
        raw = raw.to(self.to_memory.weight.dtype)
        return self._logits(ids, self.to_embedding(raw), self._memory(raw, fixed=True), 0)

    def loss(
        self, ids: Int[Tensor, "batch tokens"], progress: float, share: Share
    ) -> Mapping[str, Tensor]:
        """Cross-entropy a token and the annealed KL, both in nats.

        The free bits act on the average over a pass, so passes that are added up to a step are
        close to one large pass, not equal to it.

        Args:
            ids: As ``collate`` gives them, the own rows; the decoder learns the same texts.
            progress: 0 to 1 over the stage, for the KL's weight.
            share: whose rows they are; draws the posterior's noise and the word dropout.

        Source: Li et al. 2020, section 3; free bits as in equation 6.
        """
        config = self.config
        mean, logvar = self.encode(ids)
        raw = sample_posterior(mean, logvar, share.randn(config.latent))
        written = self._decoder_ids(ids)
        inputs, targets = written[:, :-1], written[:, 1:]
        if config.word_dropout:
            drawn = share.rand(share.largest(inputs.shape[1]))[:, : inputs.shape[1]]
            hidden = drawn.to(inputs.device) < config.word_dropout
            marks = torch.tensor(astuple(self.marks), device=inputs.device)
            words = torch.isin(inputs, marks, invert=True)
            inputs = inputs.masked_fill(hidden & words, self.decoder_tokens.pad)
        logits = self.score(inputs, raw).float()
        surprise = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        weights = self.token_weights.to(targets.device)[targets]
        weights = weights * (targets != self.decoder_tokens.pad) * share.along(weights)
        tokens = share.sum((surprise * weights).sum()) / share.sum(weights.sum())
        divergence = share.average(kl_divergence(mean.float(), logvar.float()))
        ramp = max(0.0, (progress - config.kl_start) / (1 - config.kl_start))
        paid = divergence.clamp_min(config.free_bits).sum()
        terms = {
            "tokens": share.portion * tokens,
            "kl": share.portion * ramp * config.kl_weight * paid,
        }
        if config.pairs:
            terms["pairs"] = config.pairs * share.mean(self._pair_losses(written, raw))
        return terms

    def _pair_losses(
        self, ids: Int[Tensor, "batch tokens"], raw: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, " batch"]:
        """Score what latents tell of pairs of words, in nats a token of their reports."""
        tokens = (ids != self.decoder_tokens.pad).sum(1)
        losses: Tensor = self.pairs(raw, self.pairs.there(*self.finder(ids))) / tokens
        return losses

    def _decoder_ids(self, ids: Int[Tensor, "batch tokens"]) -> Int[Tensor, "batch written"]:
        """Give the same reports in the decoder's vocabulary."""
        if self.config.encoder_vocabulary == self.config.decoder_vocabulary:
            return ids
        texts = [self.encoder_tokens.decode(row) for row in ids.cpu()]
        return self.decoder_tokens.encode(texts, self.config.decoder_positions).to(ids.device)

    @property
    def marks(self) -> MarkIds:
        """The decoder's ids of PAD, BOS, EOS: its last three, as released, if it has no words."""
        if self.config.decoder_vocabulary:
            tokens = self.decoder_tokens
            return MarkIds(tokens.pad, tokens.bos, tokens.eos)
        last = self.config.decoder_vocabulary_size
        return MarkIds(last - 3, last - 2, last - 1)

    @torch.inference_mode()
    def write(
        self,
        raw: Float[Tensor, "batch latent"],
        choose: Choose = most_likely,
        longest: int | None = None,
        marks: MarkIds | None = None,
    ) -> Int[Tensor, "batch tokens"]:
        """Write the report of each latent of the autoencoder's own scale; see `write_ids`."""
        raw = raw.to(self.to_memory.weight.dtype)
        offset, cache = self.to_embedding(raw), self._memory(raw)

        def score(latest: Tensor, written: int) -> Tensor:
            return self._logits(latest, offset, cache, written)[:, -1].float()

        marks, longest = marks or self.marks, longest or self.config.longest
        return write_ids(score, choose, len(raw), marks, longest, raw.device)

    def decode(
        self,
        latents: Float[Tensor, "batch latent"],
        sources: Sequence[torch.Generator] | None = None,
    ) -> list[Content]:
        """Write the report of each normalized latent.

        Args:
            latents: a batch.
            sources: one CPU generator a latent, for a model whose reports are drawn; without, the
                most likely tokens are written.
        """
        config, raw = self.config, self.normalization.inverse(latents)
        if config.writing == "likely" or sources is None:
            ids = self.write(raw)
        else:
            ids = self.write(raw, drawn(sources, config.top_p_cut))
            ids = close(ids, self.marks, config.longest)
        return [self.decoder_tokens.decode(row) for row in ids.cpu()]


def _tokens(vocabulary: str, part: str) -> ReportTokens:
    if not vocabulary:
        raise ConfigError(
            f"the report {part} has no vocabulary; give its tokenizer.json, import the published "
            f"weights again with --tokenizers, or train with a recipe that learns one"
        )
    return ReportTokens(vocabulary)
