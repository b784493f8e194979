"""Findings as "CVAT for images 1.1"; see `review.cvat`."""

import json

from contextual_anomaly.checking.exports.to_review import Document
from contextual_anomaly.review.cvat import cvat_document, label_constructor
from contextual_anomaly.review.findings import categories_of


class Export(Document):
    """Writes one XML document, and beside it the labels of the task."""

    def finish(self, made_by: str) -> dict[str, str]:
        """Write the document; the labels for CVAT's label constructor are a further file."""
        categories = categories_of(self.images)
        self.out.write(cvat_document(self.images, categories))
        return {".labels.json": json.dumps(label_constructor(categories), ensure_ascii=False, indent=1) + "\n"}
