import sys

import pytest

from xgem.cluster.session import ray_session
from xgem.errors import ConfigError


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'xgem\[cluster\]'"), ray_session():
        pass


def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    pytest.importorskip("ray", reason="Ray is absent: the cluster is not tried")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    said = r"cannot reach the Ray cluster at 127\.0\.0\.1:9"
    with pytest.raises(ConfigError, match=said), ray_session():
        pass
