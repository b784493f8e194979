"""Findings as a COCO annotation file; see `review.coco`."""

import json

from contextual_anomaly.checking.exports.to_review import Document
from contextual_anomaly.review.coco import coco_document


class Export(Document):
    """Writes one COCO document."""

    def finish(self, made_by: str) -> dict[str, str]:
        """Write the document."""
        info = {"description": "Unexpected objects and missing classes", "contributor": made_by}
        json.dump(coco_document(self.images, info=info), self.out, ensure_ascii=False)
        self.out.write("\n")
        return {}
