"""``xgem data check``: is a store what its manifest says?"""

from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import progress_bars
from xgem.errors import StoreError

_SHOWN = 5


def check(
    store: Annotated[Path, typer.Argument(help="Folder of the store.")],
    as_json: AsJson = False,
) -> None:
    """Verify a store: every hash, row and picture, and that no patient is in two splits."""
    from xgem.data.store import Store
    from xgem.data.store.check import check_store

    opened = Store(store)
    with progress_bars() as progress:
        problems = list(check_store(opened, progress))
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise StoreError(
            f"{store} is not as it was written: {'; '.join(problems[:_SHOWN])}{more}; "
            f"copy it again, or prepare it again with the same call, which makes anew what is "
            f"missing or changed; remove what does not belong to it"
        )
    facts = {"store": str(store), **opened.summary()}
    print_result(f"{store} is whole: {len(opened):,} rows, hash {opened.hash}", facts, as_json)
