"""Results of `facesdk evaluate` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesdk.evaluation.embedded import undetected_text

if TYPE_CHECKING:
    from facesdk.evaluation.detection import DetectionResult
    from facesdk.evaluation.evaluation import Evaluation
    from facesdk.evaluation.identification import IdentificationResult


def verification(result: Evaluation) -> str:
    """An evaluation of pairs."""
    subject = result.subject
    lines = [
        f"{subject.model or 'saved embeddings'} on {result.protocol}: {result.pairs} pairs, "
        f"{len(result.accuracies)} folds, {result.photos} photos",
        *(
            [
                f"accuracy        {100 * result.accuracy:7.2f} % +- {100 * result.std:.2f}  "
                "(mean and standard deviation of the folds)"
            ]
            if result.accuracy is not None and result.std is not None
            else ["accuracy            --     (too few people for folds)"]
        ),
    ]
    for point, (low, high) in zip(result.tar_at_far, result.tar_intervals, strict=True):
        lines.append(
            f"TAR@FAR {point.far:<8g}{point.tar:8.4f}  (95 %: {low:.4f} to {high:.4f}; threshold "
            f"{point.threshold:.4f}, all pairs)"
        )
    for at in result.recommended:
        lines.append(
            f"threshold {at.rates.threshold:.4f} of the model, for FMR {at.aimed:g}: here FMR "
            f"{at.rates.fmr:.4f} (95 %: {at.fmr_interval[0]:.4f} to {at.fmr_interval[1]:.4f}), "
            f"FNMR {at.rates.fnmr:.4f} ({at.fnmr_interval[0]:.4f} to {at.fnmr_interval[1]:.4f})"
        )
    low, high = result.equal_error_rate_interval
    undetected = undetected_text(result.undetected)
    flip = {True: "flip", False: "no flip", None: ""}[subject.flip]
    identity = f"model {subject.model_id[:16] or 'unknown'}"
    how = ", ".join(filter(None, (subject.detector, subject.template, flip, identity)))
    lines += [
        f"EER             {result.equal_error_rate:8.4f}  (95 %: {low:.4f} to {high:.4f})",
        f"undetected      {undetected:>5}     (decided from the middle of the photo)",
        f"measured with   {how}",
    ]
    return "\n".join(lines)


def identification(result: IdentificationResult) -> str:
    """An evaluation of searches."""
    low, high = result.rank1_interval
    lines = [
        f"{result.subject.model or 'saved embeddings'}: {result.people:g} people enrolled by "
        f"{result.templates:g} photos, {result.mated} mated, {result.non_mated} non-mated probes",
        f"rank 1              {result.rank1:8.4f}  (95 %: {low:.4f} to {high:.4f})",
    ]
    for rate, point in result.points:
        low, high = point.fnir_interval
        lines.append(
            f"FNIR@FPIR {rate:<9g}{point.fnir:9.4f}  (95 %: {low:.4f} to {high:.4f}; threshold "
            f"{point.threshold:.4f})"
        )
    for row in result.recommended:
        point = row.point
        low, high = point.fpir_interval
        lines.append(
            f"threshold {point.threshold:.4f} of the model, for FMR {row.fmr:g}: FPIR "
            f"{point.fpir:.4f} (95 %: {low:.4f} to {high:.4f}; by the formula "
            f"{row.predicted_fpir:.4f}), FNIR {point.fnir:.4f}"
        )
    identity = f"model {result.subject.model_id[:16] or 'unknown'}"
    how = ", ".join(
        filter(None, (result.subject.detector, result.subject.template, f"rule {result.rule}"))
    )
    undetected = undetected_text(result.undetected)
    lines += [
        f"undetected          {undetected:>5}     (embedded from the middle of the photo)",
        f"measured with       {how}, {identity}",
    ]
    return "\n".join(lines)


def detection(result: DetectionResult) -> str:
    """An evaluation of a detector."""
    lines = [
        f"faces       {result.found} of {result.faces} found in {result.photos} photos, average "
        f"precision {result.average_precision:.4f}",
        f"false       {result.false} ({result.false / result.photos:.3f} per photo), "
        f"{result.false_in_faceless} in {result.faceless} photos without a face",
    ]
    lines += [f"  from {row.least:3} px {row.found} of {row.faces}" for row in result.sizes]
    lines += [f"  turned {row.least:3} deg {row.found} of {row.faces}" for row in result.rolls]
    lines += [f"  yaw    {row.least:3} deg {row.found} of {row.faces}" for row in result.yaws]
    lines += [
        f"  score from {row.score:<5g} {row.found} of {result.faces} found, {row.false} false, "
        f"{row.false_in_faceless} of them in photos without a face"
        for row in result.at_scores()
    ]
    lines.append(f"detector    {result.detector}, overlap {result.overlap:g}")
    return "\n".join(lines)
