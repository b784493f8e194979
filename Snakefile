# Contextual Anomaly: which objects are unexpected in an image, and which expected ones are missing.
#
#   snakemake --cores all                                  everything, to results/report.html
#   snakemake --cores all experiment1                      a part: one of the targets below, or any file
#   snakemake --cores all --configfile workflow/config/coco2017.yaml
from snakemake.utils import min_version

min_version("9.19")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/dataset.smk"
include: "rules/models.smk"
include: "rules/detection.smk"
include: "rules/anomalies.smk"
include: "rules/experiments.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        rules.write_report.output.html,


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
        expand(rules.experiment_published.output.csv, model=MODELS),
        expand(rules.experiment_corrected.output.csv, model=MODELS),


rule experiment2:
    input:
        expand(rules.rescore.output.summary, detector=DETECTORS),
        expand(rules.evaluate.output.table, detector=DETECTORS),
