"""How help looks: headings and terms in colour, where someone sees it."""

from collections.abc import Iterable

import click


class Formatter(click.HelpFormatter):
    """Click leaves the colour out where output is no terminal."""

    def write_heading(self, heading: str) -> None:
        super().write_heading(click.style(heading, bold=True))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 26, col_spacing: int = 2) -> None:
        super().write_dl([(click.style(term, fg="cyan"), text) for term, text in rows], col_max, col_spacing)


class Context(click.Context):
    """The context of every command."""

    formatter_class = Formatter
