"""Answers after a review: what was rejected is flagged no more, and the rest stands in the order of its probability."""

from collections.abc import Iterable
from dataclasses import replace

from contextual_anomaly.checking.exports.to_review import image_path, to_review
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.review.findings import MISSING, UNEXPECTED, FindingIds
from contextual_anomaly.review.verdicts import Reviewed


def rerank(results: Iterable[CheckResult], reviewed: Reviewed) -> list[CheckResult]:
    """Return answers, those with the probably truest finding first, in the light of verdicts on some.

    A confirmed finding stays flagged, and comes first, until the annotations are corrected; a rejected one does not.

    Args:
        results: all answers.
        reviewed: the verdicts.
    """
    kept = [_without_rejected(result, reviewed) for result in results]
    strength = {id(result): to_review(result, reviewed).strength for result in kept}
    return sorted(kept, key=lambda result: -strength[id(result)])


def _without_rejected(result: CheckResult, reviewed: Reviewed) -> CheckResult:
    ids = FindingIds(image_path(result))

    def rejected(kind: str, category: str, box: tuple[float, float, float, float] | None) -> bool:
        verdict = reviewed.verdicts.get(ids.next(kind, category, box))
        return verdict is not None and not verdict.confirmed

    objects = tuple(
        replace(found, flagged=False, attributions=())
        if found.flagged and rejected(UNEXPECTED, found.category, found.box)
        else found
        for found in result.objects
    )
    absent = tuple(
        replace(found, flagged=False, attributions=())
        if found.flagged and rejected(MISSING, found.category, None)
        else found
        for found in result.absent
    )
    return replace(result, objects=objects, absent=absent)
