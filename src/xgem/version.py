"""Which xgem this is."""

import subprocess
from importlib.metadata import version as installed_version
from pathlib import Path


def version() -> str:
    """Version of the installed package."""
    return installed_version("xgem")


def commit() -> str | None:
    """Commit of the checkout that runs, with "+" where it was changed; None outside of one."""
    folder = Path(__file__).parent
    try:
        # Only our own checkout counts, not one that happens to hold a virtual environment of ours.
        top = _git(folder, "rev-parse", "--show-toplevel")
        if Path(top) / "src" / "xgem" != folder:
            return None
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        return _git(folder, "rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
