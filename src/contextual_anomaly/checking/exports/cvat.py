"""Findings as "CVAT for images 1.1"; see `review.cvat`."""

from contextual_anomaly.checking.exports.to_review import Document
from contextual_anomaly.review.cvat import cvat_document
from contextual_anomaly.review.documents import LABELS_OF_CVAT, labels_of_cvat
from contextual_anomaly.review.findings import categories_of


class Export(Document):
    """Writes one XML document, and beside it the labels of the task."""

    def finish(self, made_by: str) -> dict[str, str]:
        """Write the document; the labels for CVAT's label constructor are a further file."""
        categories = categories_of(self.images)
        self.out.write(cvat_document(self.images, categories))
        return {LABELS_OF_CVAT: labels_of_cvat(categories)}
