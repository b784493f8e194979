"""Anomalies: the strongest of each listing, as images and as a table."""

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import rows_of
from contextual_anomaly.report.gallery import GalleryImage
from contextual_anomaly.report.style import embedded

LISTED = 30  # rows of the table; the files hold them all


def chapter(run: FinishedRun, name: str, gallery: list[GalleryImage]) -> dict:
    """Return what the template shows of one model's listing."""
    listing = run.anomalies(name)
    kinds = listing["kind"].value_counts()
    return {
        "name": name,
        "unexpected": int(kinds.get("unexpected", 0)),
        "missing": int(kinds.get("missing", 0)),
        "images": listing["image_id"].nunique(),
        "calibrated": bool(listing["p_value"].notna().any()),
        "rows": list(rows_of(listing.head(LISTED))),
        "gallery": [(image, embedded("image/jpeg", image.jpeg, image.alt)) for image in gallery],
    }
