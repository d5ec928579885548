from dataclasses import replace

import pytest

from xgem.errors import ConfigError
from xgem.recipes.micro import micro


def test_stages_come_in_the_order_in_which_they_need_each_other() -> None:
    recipe = micro()
    with pytest.raises(ConfigError, match="out of order"):
        replace(recipe, stages=recipe.stages[::-1])
