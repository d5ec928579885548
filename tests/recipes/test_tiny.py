from xgem.model import build_model
from xgem.recipes.tiny import tiny


def test_the_bundled_model_fits_in_forty_megabytes() -> None:
    recipe = tiny()
    model = build_model(recipe.model)
    vocabulary = recipe.vocabulary_size
    values = 0
    for name, component in model.components.items():
        for value in component.state_dict().values():
            rows = len(value) if value.ndim else 1
            # Embeddings shrink to the vocabulary that the run learns.
            learned = vocabulary / rows if rows > 20_000 and "report" in name else 1
            values += value.numel() * learned
    assert 2 * values < 40e6  # fp16


def test_every_modality_can_be_made_alone_and_together() -> None:
    model = build_model(tiny().model)
    for parts in model.parts.values():
        assert parts.environment is not None
        assert parts.coupling is not None
