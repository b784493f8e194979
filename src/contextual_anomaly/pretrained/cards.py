"""Model cards: what a packaged model was made of, how good it is, and what its p-values promise.

A card is JSON beside the model, so that programs read it as well as people.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.store import read_model
from contextual_anomaly.pretrained import calibrated
from contextual_anomaly.runtime.atomic import digest, require_file


@dataclass(frozen=True)
class Packaged:
    """A model with its card.

    Attributes:
        name: of the model.
        path: its file.
        card: the content of its card; empty for a model without one, as those of a run.
    """

    name: str
    path: Path
    card: dict[str, Any]

    @property
    def is_whole(self) -> bool:
        """Whether the file is the one that the card is about."""
        return self.card.get("sha256") == digest(self.path)


def read_packaged(path: Path) -> Packaged:
    """Return a model with the card beside it.

    Args:
        path: the model's file.

    Raises:
        UserError: there is no such file, or the card is damaged.
    """
    beside = require_file(path, "a model").with_suffix(".json")
    if not beside.is_file():
        return Packaged(path.stem, path, {})
    try:
        card = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{beside}: not a readable model card ({error}).") from error
    return Packaged(path.stem, path, card)


def as_table(models: Sequence[Packaged]) -> str:
    """Return models as a table for a terminal."""
    rows = [("name", "family", "MB", "data", "p-values for", "card", "file")]
    for model in models:
        about = read_model(model.path)[0]
        rows.append(
            (
                model.name,
                about["family"],
                f"{model.path.stat().st_size / 1e6:.2f}",
                json.loads(about.get("dataset", '""')),
                ", ".join(calibrated(model.path)) or "none",
                "yes" if model.card else "no",
                str(model.path),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_text(model: Packaged) -> str:
    """Return a card as text for a terminal, and whether the file is the one that it is about."""
    card = model.card
    if not card:
        return f"{model.path}\nThere is no card beside it: it was not packaged."
    check = "is right" if model.is_whole else "DIFFERS: the file is not the one that this card is about"
    lines = [
        f"{card['name']}: {card['family']}, {card['classes']} classes, version {card['version']}",
        f"file         {model.path}, {card['size']:,} bytes, SHA-256 {card['sha256']}, which {check}",
        f"data         {card['data']['name']}. {card['data']['licence']}",
        f"             fitted on {card['data']['images_fitted']:,} images, {card['data']['images_held_out']:,} held out",
        f"precision    {card['precision']['stored']}; {_change(card)}",
        "",
        f"figures on {card['data']['evaluated_on']}, with 95 % intervals",
    ]
    lines += [f"  {found['value']:8.4f}  {_interval(found):>18}  {found['meaning']}" for found in card["figures"]]
    lines += ["", "p-values"]
    for one in card["calibrations"]:
        origin = f"behind {one['detector']}" if one["detector"] else "of annotated objects"
        lines.append(
            f"  {origin}: {one['objects']:,} classes in {one['images']:,} held-out images; the smallest is {one['smallest']:.2g}"
        )
        lines += [
            f"    promised {found['promised']:<6g} {found['kind']:<10} {found['flagged']:,} of {found['cases']:,} flagged,"
            f" {found['rate']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
            for found in one["held_out_rates"]
        ]
    lines += ["", "settings", *(f"  {name}: {json.dumps(value)}" for name, value in card["settings"].items())]
    return "\n".join(lines)


def _interval(figure: dict[str, Any]) -> str:
    return "" if figure["low"] is None else f"[{figure['low']:.4f}, {figure['high']:.4f}]"


def _change(card: dict[str, Any]) -> str:
    change = card["precision"]["largest_change"]
    return f"against full precision no figure changes by more than {change:.1g}"
