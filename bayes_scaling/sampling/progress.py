"""Progress on stderr, so that results on stdout stay clean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str, int, int], None]


@contextmanager
def progress_bar(progress: "bool | Report", description: str = "") -> Iterator[Report | None]:
    """A callable ``report(phase, done, total)``: the caller's own, one that moves a bar, or None."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield None
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
