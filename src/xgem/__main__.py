"""``python -m xgem`` is the ``xgem`` command."""

from xgem.cli.main import run

run()
