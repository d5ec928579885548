import json
import math

from xgem.evaluation.agreement import Agreement
from xgem.evaluation.bootstrap import Estimate
from xgem.evaluation.tables import cell, plain, table

AGREEMENT = Agreement(paired=Estimate(0.5, 0.4, 0.6), shuffled=Estimate(0.01, -0.1, 0.1))


def test_a_table_is_markdown():
    assert table(["", "mean"], [["true", 0.98765], ["made", math.nan]]) == (
        "|  | mean |\n| --- | ---: |\n| true | 0.988 |\n| made | – |"
    )


def test_an_agreement_shows_its_interval_and_its_floor():
    assert cell(AGREEMENT) == "0.500 [0.400, 0.600] / 0.010"


def test_a_dash_stands_for_what_is_not_known():
    unknown = Estimate(math.nan, math.nan, math.nan)
    values = [None, math.nan, Agreement(paired=unknown, shuffled=unknown)]
    assert [cell(value) for value in values] == ["–"] * 3
    assert cell(3) == "3"


def test_what_is_kept_is_json():
    kept = plain({"a": 0.123456, "b": {"c": math.nan}, "d": AGREEMENT, "e": "text", "f": None})
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert kept["a"] == 0.1235
    assert kept["b"] == {"c": None}
    assert kept["d"]["paired"] == {"value": 0.5, "low": 0.4, "high": 0.6}
