"""Findings as tasks of Label Studio with predictions; see `review.label_studio`."""

import json

from contextual_anomaly.checking.exports.to_review import Document
from contextual_anomaly.review.documents import LABELS_OF_LABEL_STUDIO
from contextual_anomaly.review.findings import categories_of
from contextual_anomaly.review.label_studio import labelling_configuration, task


class Export(Document):
    """Writes a list of tasks, and beside it the labelling configuration of the project."""

    def finish(self, made_by: str) -> dict[str, str]:
        """Write the tasks; the labelling configuration is a further file."""
        json.dump([task(image, made_by) for image in self.images], self.out, ensure_ascii=False, allow_nan=False)
        self.out.write("\n")
        return {LABELS_OF_LABEL_STUDIO: labelling_configuration(categories_of(self.images))}
