"""Pages that need nothing else: a template, one script of this package, and a policy that lets nothing else run."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from bayes_scaling.data.files import check_writable, replacing


def checked(path: str | Path | None, force: bool) -> Path | None:
    """Where to write a page, if anywhere.

    Raises
    ------
    InputError
        If the file exists and ``force`` is false, or it cannot be written.
    """
    if path is None:
        return None
    check_writable(Path(path), force)
    return Path(path)


def rendered(template: str, scripts: tuple[str, ...], **values: object) -> str:
    """A template filled in, every text escaped.

    The page's policy forbids all requests and every script but these, whatever a text of the table says.
    """
    # Slow to load, and wanted for pages alone.
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    folder = files("bayes_scaling.reporting").joinpath("templates")
    script = "".join(folder.joinpath(name).read_text("utf-8") for name in scripts)
    policy = b64encode(sha256(script.encode()).digest()).decode()
    environment = Environment(
        loader=PackageLoader("bayes_scaling.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        script=Markup(script),
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{policy}'",
        **values,
    )


def written_to(target: Path | None, page: str, force: bool) -> Path | str:
    """The page in its file, whole or not at all; or the page, where it has none."""
    if target is None:
        return page
    with replacing(target, force) as aside:
        aside.write_text(page, encoding="utf-8")
    return target
