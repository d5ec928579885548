"""A connection to Ray: the cluster that RAY_ADDRESS names, or one that is started here."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from xgem.errors import ConfigError

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextmanager
def ray_session(cpus: int | None = None) -> Iterator[ModuleType]:
    """Yield the module ``ray``, connected; a cluster started here ends with the block.

    Args:
        cpus: of a cluster that is started here; all of the machine where None.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--engine ray needs Ray; install it with: pip install 'xgem[cluster]'"
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address = os.environ.get("RAY_ADDRESS")
    started_here = not ray.is_initialized()
    try:
        if started_here and address:
            _require_listener(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        elif started_here:
            ray.init(
                # One of its own, even where another was started here, which Ray would join.
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"cannot reach the Ray cluster at {address or 'this machine'} ({error}); "
            f"check RAY_ADDRESS, set RAY_AUTH_MODE=token where it asks for a token, or leave out "
            f"--engine ray"
        ) from error
    try:
        yield ray
    finally:
        if started_here:
            ray.shutdown()


def _require_listener(address: str) -> None:
    """Ray itself tries for minutes where nobody listens.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
