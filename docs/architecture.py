"""Draws the picture of docs/architecture.md: python docs/architecture.py."""

import ast
from html import escape
from pathlib import Path

HOME = Path(__file__).parents[1] / "bayes_scaling"

FOLDERS = {
    "errors": "InputError",
    "data": "Runs",
    "laws": "Law, Prior",
    "model": "Structure, Noise, Drift",
    "sampling": "Sampler, Draws",
    "inference": "Spec, Posterior, Result",
    "forecast": "Forecast",
    "planning": "Allocation, Plan, Risk, Serving, Contrast, Exponents, Design",
    "evaluation": "Backtest, Comparison, PoolingComparison, Approaches",
    "reporting": "Axes, tables, HTML",
    "api": "Fit",
    "cli": "text, JSON, files",
}
"""The folders in import order, and what each gives to those below it."""

WAY = {
    "laws/chinchilla.py": "alpha=LogNormal(0.35, 0.4), declared",
    "laws/base.py": "a prior of the Law, by name",
    "model/pooling.py": "complete, partial or none among groups",
    "model/build.py": "a variable of the pm.Model",
    "sampling/jax_model.py": "an entry of the density's free vector",
    "sampling/coordinates.py": "a nearly normal coordinate",
    "sampling/chains.py": "Draws.parameters['alpha'], by name again",
    "inference/netcdf.py": "posterior/alpha: chain, draw, group",
    "inference/posterior.py": "posterior.draws(group)['alpha']",
    "forecast/predict.py": "law(N, D, alpha=..., ...)",
}
"""What `alpha` is in each file that it passes, from its declaration to a forecast."""

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .name { font-weight: 600 }
  .note { fill: #59636e; font-size: 12px }
  .file { font-family: ui-monospace, monospace; font-size: 12px }
  .folder { fill: #f6f8fa; stroke: #d1d9e0 }
  .stop { fill: #0969da }
  .way { stroke: #0969da; stroke-width: 2; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    .folder { fill: #151b23; stroke: #3d444d }
    .stop { fill: #4493f8 }
    .way { stroke: #4493f8 }
  }
"""

WIDTH, LEFT, WAY_AT, LINE, PAD, GAP = 1080, 20, 540, 22, 11, 8


def purpose(folder: str) -> str:
    """The first sentence of a folder's docstring."""
    path = HOME / folder / "__init__.py" if (HOME / folder).is_dir() else HOME / f"{folder}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


def picture() -> str:
    """The whole SVG."""
    parts, stops, y = [], [], 40
    for folder in FOLDERS:
        files = [file for file in WAY if file.partition("/")[0].removesuffix(".py") == folder]
        height = 2 * PAD + LINE * max(len(files), 2)
        parts += [
            f'<rect class="folder" x="{LEFT}" y="{y}" width="{WIDTH - 2 * LEFT}" height="{height}" rx="6"/>',
            f'<text x="{LEFT + 14}" y="{y + 26}"><tspan class="name">{folder}</tspan>'
            f'<tspan class="file" dx="10">{FOLDERS[folder]}</tspan></text>',
            f'<text class="note" x="{LEFT + 14}" y="{y + 46}">{escape(purpose(folder))}</text>',
        ]
        for i, file in enumerate(files):
            stops.append(y + PAD + LINE * (i + 0.5))
            parts += [
                f'<circle class="stop" cx="{WAY_AT}" cy="{stops[-1]}" r="4"/>',
                f'<text x="{WAY_AT + 16}" y="{stops[-1] + 4.5}"><tspan class="file">{file}</tspan>'
                f'<tspan class="note" dx="10">{escape(WAY[file])}</tspan></text>',
            ]
        y += height + GAP
    way = f'<path class="way" d="M{WAY_AT} {stops[0]}V{stops[-1]}"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">'
        "<title>The folders in import order, and the files that alpha passes</title>"
    )
    captions = [
        f'<text class="note" x="{LEFT}" y="26">Imports point upwards only; beside a folder, what it gives</text>',
        f'<text class="note" x="{WAY_AT - 4}" y="26">From @law to predict: what alpha is in each file</text>',
    ]
    return "\n".join([head, f"<style>{STYLE}</style>", *captions, *parts, way, "</svg>"]) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(picture(), encoding="utf-8")
