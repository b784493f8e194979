# Contextual Anomaly: which objects are unexpected in an image, and which expected ones are missing.
#
#   snakemake --cores all                     everything, to results/report.html
#   snakemake --cores all audit               a part: a target at the end of this file, or any file that a rule makes
#   snakemake --cores all audit --configfile workflow/config/coco2017.yaml       targets go before --configfile
from snakemake.utils import min_version

min_version("9.19")


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/download.smk"
include: "rules/dataset.smk"
include: "rules/models.smk"
include: "rules/detection.smk"
include: "rules/anomalies.smk"
include: "rules/experiments.smk"
include: "rules/pretrained.smk"
include: "rules/rescoring.smk"
include: "rules/audit.smk"
include: "rules/watch.smk"
include: "rules/report.smk"


onsuccess:
    if any(job.rule.name == "write_report" for job in workflow.dag.jobs):
        logger.info(
            closing_message(Path(R), LISTING_MODELS[0], AUDITORS[0], SYNTHETIC)
        )


# What lies between the stages is asked for as well: a file that is deleted is made again, and so is what follows from it.
rule all:
    default_target: True
    input:
        rules.write_report.output,
        WORLD_FILES,
        expand(rules.annotations.output, split=SPLITS),
        rules.scenes.output,
        expand(
            rules.object_geometry.output,
            split=SPLITS if any(map(uses_geometry, MODELS)) else [],
        ),
        expand(MODEL, model=MODELS),
        expand(rules.fit.output, model=SETTINGS.models),
        expand(CALIBRATION, model=MODELS),
        expand(rules.list_anomalies.output, model=LISTING_MODELS),
        expand(rules.experiment_published.output, model=PUBLISHED_MODELS),
        expand(rules.experiment_corrected.output, model=MODELS),
        expand(rules.experiment_objects.output, model=OBJECT_JUDGES),
        rules.compare_models.output,
        CONVERTED,
        expand(rules.detect.output, detector=NETWORKS, shard=SHARDS),
        expand(rules.merge_detections.output, detector=DETECTORS),
        expand(rules.evaluate_detector.output, detector=DETECTORS),
        expand(
            rules.calibrate_detections.output,
            model=CALIBRATED_MODELS,
            detector=DETECTORS,
        ),
        expand(rules.rescore.output, detector=DETECTORS),
        expand(rules.fuse.output, detector=DETECTORS),
        expand(rules.rescore_boxes.output, detector=DETECTORS),
        expand(rules.evaluate_rescoring.output, detector=DETECTORS),
        expand(rules.audit_annotations.output, auditor=AUDITORS),
        expand(rules.evaluate_audit.output, auditor=AUDITORS),
        WATCH,
        rules.configuration.output,


rule prepare:
    input:
        expand(SCENES, split=SPLITS),


rule models:
    input:
        expand(MODEL, model=MODELS),


rule anomalies:
    input:
        expand(rules.list_anomalies.output.text, model=LISTING_MODELS),


rule experiment1:
    input:
        expand(rules.experiment_published.output.csv, model=PUBLISHED_MODELS),
        expand(rules.experiment_corrected.output.csv, model=MODELS),
        expand(rules.experiment_objects.output.csv, model=OBJECT_JUDGES),
        expand(rules.experiment_objects.output.odd_csv, model=OBJECT_JUDGES),
        rules.compare_models.output,


rule experiment2:
    input:
        expand(rules.rescore.output.summary, detector=DETECTORS),
        expand(rules.evaluate_rescoring.output.metrics, detector=DETECTORS),
        expand(rules.evaluate_detector.output.table, detector=DETECTORS),


rule detections:
    input:
        expand(rules.merge_detections.output, detector=DETECTORS),


rule audit:
    input:
        expand(rules.audit_annotations.output, auditor=AUDITORS),


rule pretrained:
    input:
        expand(
            [
                f"{R}/pretrained/{{packaged}}.safetensors",
                f"{R}/pretrained/{{packaged}}.json",
            ],
            packaged=PRETRAINED,
        ),


rule report:
    input:
        rules.write_report.output,
