"""What a table has of each run: a loss, a share of test items, or a score."""

from typing import Literal, get_args

Response = Literal["loss", "share", "score"]
"""A positive loss, which falls; a share from 0 to 1 (accuracy, pass rate, error); a score, which rises, any number."""

RESPONSES: tuple[Response, ...] = get_args(Response)

WORDS: dict[Response, str] = {"loss": "loss", "share": "share of test items", "score": "score"}
"""How each is called."""

SEVERAL: dict[Response, str] = {"loss": "losses", "share": "shares", "score": "scores"}
