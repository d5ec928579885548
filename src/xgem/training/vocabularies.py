"""The words of a run: vocabularies come with known weights, or are learned from the reports."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from xgem.data.report_tokens import ReportTokens
from xgem.errors import ConfigError
from xgem.known_weights.begin import with_known_vocabularies
from xgem.model import ModelConfig
from xgem.training.recipe import Recipe
from xgem.training.studies import Studies


def with_known(recipe: Recipe, init: Mapping[str, str]) -> tuple[Recipe, frozenset[str]]:
    """Take the vocabularies of known weights, and name them.

    Raises:
        ConfigError: some part has none, and none is to be learned.
        CheckpointError: known weights are missing.
    """
    model, known = with_known_vocabularies(recipe.model, init)
    parts: dict[str, Any] = {**model.prompt_encoders, **model.autoencoders}
    lacking = [name for name, part in parts.items() if not all(_vocabularies(part).values())]
    if lacking and not recipe.vocabulary_size:
        raise ConfigError(
            f"recipe {recipe.name} has no vocabulary for {', '.join(lacking)}; begin with known "
            f"weights, which bring theirs (--init prompt_encoders=..., report_encoder=..., "
            f"report_decoder=...), or learn one (--set vocabulary_size=8000)"
        )
    return replace(recipe, model=model), known


def with_learned(recipe: Recipe, known: frozenset[str], studies: Studies) -> Recipe:
    """Learn a vocabulary from the training reports for whatever has none of its own."""
    if not recipe.vocabulary_size:
        return recipe
    texts = [
        content
        for index in range(len(studies))
        for content in studies[index].contents.values()
        if isinstance(content, str)
    ]
    tokens = ReportTokens.learn(texts, recipe.vocabulary_size)
    return replace(recipe, model=with_vocabulary(recipe.model, tokens, known))


def _vocabularies(part: Any) -> dict[str, str]:
    """Return the vocabularies of a part by field; empty where it has none yet."""
    fields = (name for name in part.__dataclass_fields__ if name.endswith("vocabulary"))
    return {name: getattr(part, name) for name in fields}


def with_vocabulary(
    config: ModelConfig, tokens: ReportTokens, known: Collection[str] = ()
) -> ModelConfig:
    """Give every part that reads or writes text the same vocabulary, but for ``known`` ones."""

    def changed(name: str, part: Any) -> Any:
        names = [field for field in _vocabularies(part) if f"{name}.{field}" not in known]
        sizes = {f"{field}_size": len(tokens) for field in names}
        return replace(part, **dict.fromkeys(names, tokens.json), **sizes)

    return replace(
        config,
        prompt_encoders={n: changed(n, part) for n, part in config.prompt_encoders.items()},
        autoencoders={n: changed(n, part) for n, part in config.autoencoders.items()},
    )
