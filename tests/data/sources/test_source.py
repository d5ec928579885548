from pathlib import Path

import pytest

from xgem.data.sources import SOURCES, source_named
from xgem.data.sources.source import Source
from xgem.errors import ConfigError, InputError


@pytest.mark.parametrize("name", SOURCES)
def test_every_reader_keeps_the_contract(name: str, tmp_path: Path) -> None:
    source = source_named(name, tmp_path)
    assert isinstance(source, Source)
    assert source.facts.name == name
    assert source.facts.license


@pytest.mark.parametrize("name", SOURCES)
def test_every_reader_cites_where_the_layout_is_documented(name: str) -> None:
    import importlib

    module = importlib.import_module(SOURCES[name].__module__)
    assert "https://" in module.__doc__ or name == "folder"


def test_an_unknown_source_and_a_missing_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown source 'mimic'; use one of mimic-cxr"):
        source_named("mimic", tmp_path)
    with pytest.raises(InputError, match="nothing at"):
        source_named("openi", tmp_path / "nowhere")
