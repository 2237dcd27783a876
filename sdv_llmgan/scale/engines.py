"""Who works on the parts of a table: processes of this machine, or Dask's workers.

parts, work that is done on each -> engine -> what comes of them, in any order

Which engine it is changes no row: a part says all that its rows depend on. Parts are handed out as
workers become free, so that memory stays bounded.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import islice
from typing import Any, TypeVar

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from sdv_llmgan.errors import SamplingError

PartT = TypeVar('PartT')
DoneT = TypeVar('DoneT')
#: What is done with a part: what all parts share, and the part.
Work = Callable[[bytes, PartT], DoneT]
#: Does that with many parts.
Engine = Callable[[Work[Any, Any], bytes, Iterable[Any]], Iterator[Any]]

ENGINES = ('processes', 'dask')
#: Parts that are handed out at a time, for each worker: one to work on, one that waits.
HANDED_OUT = 2
#: Seconds until a cluster has its first worker.
PATIENCE = 300
#: Dask has its workers give every freed page back at once, which doubles the time of a part here.
KEEP_PAGES = {
    'distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_': 2**27,
    'distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_': 2**25,
}
LOST = (
    'A worker was lost, most often for want of memory: ask for fewer workers, or for fewer rows a '
    'file in another folder. What is written stays; the same call goes on with it.'
)


def find_engine(name: str, workers: int | None = None, scheduler: str | None = None) -> Engine:
    """An engine by its name.

    Args:
        name: ``'processes'``, of this machine, or ``'dask'``.
        workers: How many, >= 1; ``None``: one a core, or as many as the scheduler has.
        scheduler: The address of Dask's; ``None``: a cluster on this machine.

    Raises:
        ImportError: Dask is not installed.
        ValueError: There is no such engine, or it has no scheduler.
    """
    if name not in ENGINES:
        raise ValueError(f'engine must be one of {", ".join(ENGINES)}, got {name!r}.')
    if workers is not None and workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}.')
    if name == 'processes':
        if scheduler is not None:
            raise ValueError(f"The scheduler {scheduler} needs engine='dask'.")
        return partial(_processes, workers=workers or os.cpu_count() or 1)
    if find_spec('distributed') is None:
        raise ImportError(
            "engine='dask' needs Dask, which is not installed: pip install 'sdv-llmgan[dask]'."
        )
    if scheduler is not None and workers is not None:
        raise ValueError('A scheduler has workers of its own: leave workers out.')
    return partial(_dask, workers=workers, scheduler=scheduler)


def _processes(
    work: Work[PartT, DoneT], shared: bytes, parts: Iterable[PartT], *, workers: int
) -> Iterator[DoneT]:
    pool = Parallel(
        workers,
        backend='loky',
        return_as='generator_unordered',
        batch_size=1,
        pre_dispatch=HANDED_OUT * workers,
    )
    try:
        yield from pool(delayed(work)(shared, part) for part in parts)
    except TerminatedWorkerError as error:
        raise SamplingError(LOST) from error


def _dask(
    work: Work[PartT, DoneT],
    shared: bytes,
    parts: Iterable[PartT],
    *,
    workers: int | None,
    scheduler: str | None,
) -> Iterator[DoneT]:
    import dask
    import distributed

    own = {'n_workers': workers, 'threads_per_worker': 1, 'silence_logs': logging.ERROR}
    made: Any = distributed
    with (
        dask.config.set(KEEP_PAGES),
        made.Client(
            scheduler, **({} if scheduler else {'dashboard_address': None, **own})
        ) as client,
    ):
        _wait_for_workers(client)
        [everywhere] = client.scatter([shared], broadcast=True, hash=False)
        left = iter(parts)

        def hand_out(given: int) -> list[Any]:
            count = HANDED_OUT * sum(client.nthreads().values()) - given
            return [
                client.submit(work, everywhere, part, pure=False)
                for part in islice(left, max(count, 0))
            ]

        running = made.as_completed(hand_out(0))
        try:
            for future in running:
                yield future.result()
                future.release()
                running.update(hand_out(running.count()))
        except made.KilledWorker as error:
            raise SamplingError(LOST) from error


def _wait_for_workers(client: Any) -> None:  # noqa: ANN401 - Dask's is untyped
    """Until there is one.

    Raises:
        SamplingError: None came.
    """
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise SamplingError(
            f'The scheduler has no worker after {PATIENCE} seconds: start one (dask worker '
            f'{client.scheduler.address}), then ask again.'
        ) from error
