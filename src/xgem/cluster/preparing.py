"""Prepare a release on a Ray cluster: one task a part, back-pressure and retries left to Ray Data.

Every node must see the release and the store at the same paths. A task writes its part itself and
sends back no more than the part's place, so nothing passes through the driver.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xgem.cluster.session import ray_session
from xgem.data.preparing.release import Engine, PartJob, make_part
from xgem.data.store.shards import PartRecord, read_part
from xgem.errors import StoreError, XGeMError
from xgem.progress import Progress


def ray_engine(workers: int | None = None) -> Engine:
    """Tasks of a cluster.

    Args:
        workers: how many at once; what the cluster has room for where None.
    """

    def run(jobs: Sequence[PartJob], progress: Progress) -> Iterator[PartRecord]:
        if not jobs:
            return
        studies, done = sum(len(job.part.items) for job in jobs), 0
        with ray_session(workers) as ray:
            references = [ray.put(job) for job in jobs]
            places = [{"place": place} for place in range(len(jobs))]
            made = ray.data.from_items(places, override_num_blocks=len(places)).map(
                _make,
                fn_kwargs={"jobs": references},
                num_cpus=1,
                compute=ray.data.TaskPoolStrategy(size=workers),
            )
            for row in made.iter_rows():
                if row["error"]:
                    raise StoreError(row["error"])
                job = jobs[row["place"]]
                done += len(job.part.items)
                progress("preparing on Ray", done, studies)
                record = read_part(*job.files)
                if record is None:
                    raise StoreError(
                        f"a node of the cluster wrote {job.files[0]}, and it is not here; "
                        f"give --out a folder that all nodes share"
                    )
                yield record

    return run


def _make(row: Mapping[str, Any], jobs: Sequence[Any]) -> dict[str, Any]:
    """Make one part in a task; what the user can correct comes back as words, a bug is raised."""
    import ray

    place = int(row["place"])
    job: PartJob = ray.get(jobs[place])
    try:
        make_part(job)
    except XGeMError as error:
        return {"place": place, "error": str(error)}
    except OSError as error:
        reason = error.strerror or error
        return {"place": place, "error": f"cannot write {job.folder}: {reason}; free space"}
    return {"place": place, "error": ""}
