"""What the site has that the pages do without: help of all verbs, formulas, links that stay inside."""

import re
import subprocess
import sys
from typing import Any

from latex2mathml.converter import convert

from bayes_scaling.cli.main import VERBS

SHIM = re.compile(r"https://unpkg.com/iframe-worker/shim")
OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")
FORMULA = re.compile(r"(?<![\\$`])\$([^$`\n]+)\$(?![\d$])")
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """The text of a page for the site."""
    if page.file.src_uri == "command_line.md":
        markdown += helps()
    # Odd parts are code, which stays as it is.
    parts = CODE.split(markdown)
    parts[::2] = [FORMULA.sub(lambda found: convert(found[1]), part) for part in parts[::2]]
    return OUTSIDE.sub(r"\1 (`\2`)", "".join(parts))


def helps() -> str:
    """What ``--help`` says of each verb, under the question that it answers."""
    found = []
    for question, (_, verbs) in VERBS.items():
        found.append(f"\n## {question}\n")
        for verb in verbs:
            asked = [sys.executable, "-m", "bayes_scaling", verb, "--help"]
            said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            found.append(f"### {verb}\n\n```text\n{said}```\n")
    return "\n".join(found)


def on_post_page(output: str, page: Any, **_: object) -> str:
    """A page whose search needs no network."""
    return SHIM.sub("../" * page.file.src_uri.count("/") + "iframe-worker.js", output)


def on_post_template(output_content: str, **_: object) -> str:
    """The page of what is not there, likewise."""
    return SHIM.sub("iframe-worker.js", output_content)
