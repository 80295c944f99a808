"""Progress on stderr, so that results on stdout stay clean; in a notebook, one line under the cell."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from time import perf_counter
from typing import Any

Report = Callable[[str, int, int], None]

EVERY = 0.2
"""Seconds between two looks of a notebook's bar: each is a message to the browser."""


@contextmanager
def progress_bar(progress: "bool | Report", description: str = "") -> Iterator[Report | None]:
    """A callable ``report(phase, done, total)``: the caller's own, one that moves a bar, or None."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield None
        return
    if in_notebook():
        yield from _of_notebook(description)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        tasks = {}

        def report(phase: str, done: int, total: int) -> None:
            label = f"{description} {phase}".strip()
            if label not in tasks:
                tasks[label] = bar.add_task(label, total=total)
            # The warm-up may end early: the next phase closes its bar.
            for other, task in tasks.items():
                if other != label:
                    bar.update(task, completed=bar.tasks[task].total)
            bar.update(tasks[label], completed=done, total=total)

        report("compiling and finding the mode", 0, 1)
        yield report


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook: IPython is loaded there already, and has one."""
    loaded = sys.modules.get("IPython")
    return loaded is not None and hasattr(loaded.get_ipython(), "kernel")


def _of_notebook(description: str) -> Iterator[Report]:
    """A bar of HTML in one output that is replaced; rich needs ipywidgets there, and without it warns at each look."""
    import IPython.display

    show: Any = IPython.display.display
    began = shown = perf_counter()
    bar = show({"text/html": ""}, raw=True, display_id=True)

    def report(phase: str, done: int, total: int) -> None:
        nonlocal shown
        now = perf_counter()
        if now - shown < EVERY and 0 < done < total:
            return
        shown, label = now, escape(f"{description} {phase}".strip())
        line = (
            f'{label} <progress value="{done}" max="{total}"></progress> {done}/{total}, {now - began:.0f} s'
        )
        bar.update({"text/html": line}, raw=True)

    try:
        report("compiling and finding the mode", 0, 1)
        yield report
    finally:
        bar.update({"text/html": ""}, raw=True)
