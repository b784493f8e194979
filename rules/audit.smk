# The annotation audit: objects that were forgotten, labels and boxes that are wrong, and annotations too many.

# Each detector judges together with context; where there is none, context judges alone.
AUDITORS = list(DETECTORS) or ["context"]

# Of own data, the model that predicts held-out images best, among those that need nothing but scenes.
AUDIT_MODELS = [SETTINGS.audit.model]
if SETTINGS.audit.model == "auto":
    AUDIT_MODELS = [
        name
        for name in SETTINGS.models
        if FAMILY[name] not in ("autoencoder", "ensemble")
        and not (uses_geometry(name) or uses_objects(name))
    ]
    if not OWN and "masked" in AUDIT_MODELS:
        AUDIT_MODELS = ["masked"]

# One file that holds both splits is audited as a whole, each image by models that have not seen it.
AUDITED_SPLITS = SPLITS if DIVIDED and not DETECTORS else ["val"]
CROSS_FIT = "--cross-fit" if "train" in AUDITED_SPLITS else ""
if CROSS_FIT and SETTINGS.audit.model == "auto":
    # A fit for each part of the images: networks would take too long.
    quick = [name for name in AUDIT_MODELS if FAMILY[name] != "masked"]
    AUDIT_MODELS = quick or AUDIT_MODELS


# A model of objects, where there is one that has not seen the images.
OBJECT_MODEL = [] if CROSS_FIT else OBJECT_MODELS[:1]


wildcard_constraints:
    auditor="|".join(AUDITORS),


rule audit_annotations:
    """List probable annotation errors, the likeliest first."""
    input:
        unpack(auditor_inputs),
        annotations=expand(ANNOTATIONS, split=AUDITED_SPLITS),
        categories=CATEGORIES.format(split="val"),
        images=expand(IMAGES, split=AUDITED_SPLITS),
        checked=expand(CHECKED, split=AUDITED_SPLITS),
        models=expand(MODEL, model=AUDIT_MODELS),
        object_model=expand(MODEL, model=OBJECT_MODEL),
        train_scenes=UNFILTERED_SCENES.format(split="train"),
    output:
        table=f"{R}/audit/{{auditor}}.parquet",
        csv=report(
            f"{R}/audit/{{auditor}}.csv",
            caption="../workflow/report/audit.rst",
            category="Audit",
            labels={"by": "{auditor}", "table": "findings"},
        ),
        coco=f"{R}/audit/{{auditor}}.json",
        selection=f"{R}/audit/{{auditor}}.selection.csv",
    log:
        text=f"{R}/logs/audit_annotations.{{auditor}}.log",
        usage=f"{R}/logs/audit_annotations.{{auditor}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        detector=auditor_options,
        files=lambda wildcards, input: " ".join(
            [
                repeated("--annotations", input.annotations),
                repeated("--images", input.images),
                repeated("--checked", input.checked),
                repeated("--model", input.models),
                repeated("--object-model", input.object_model),
            ]
        ),
        cross_fit=CROSS_FIT,
        bottleneck=chosen_bottleneck(AUDIT_MODELS[0]),
        error_rate=SETTINGS.audit.error_rate,
        min_score=SETTINGS.audit.min_score,
        listed=SETTINGS.audit.max_issues,
        folds=SETTINGS.rescoring.folds,
        seed=SETTINGS.experiments.seed,
        source=source("audit", *AUDIT_MODELS, *OBJECT_MODEL),
    shell:
        "contextual-anomaly --usage {log.usage} audit"
        " {params.files} {params.cross_fit} --categories {input.categories}"
        " --train-scenes {input.train_scenes} {params.detector}"
        " --bottleneck {params.bottleneck} --min-score {params.min_score} --max-issues {params.listed}"
        " --error-rate {params.error_rate} --folds {params.folds} --seed {params.seed} --output {output.table} --csv {output.csv} --coco {output.coco} --selection-table {output.selection}"
        " > {log.text} 2>&1"


rule evaluate_audit:
    """Plant errors into the annotations and see how high the audit ranks them."""
    input:
        unpack(auditor_inputs),
        annotations=expand(ANNOTATIONS, split=AUDITED_SPLITS),
        categories=CATEGORIES.format(split="val"),
        images=expand(IMAGES, split=AUDITED_SPLITS),
        checked=expand(CHECKED, split=AUDITED_SPLITS),
        models=expand(MODEL, model=AUDIT_MODELS),
        object_model=expand(MODEL, model=OBJECT_MODEL),
        train_scenes=UNFILTERED_SCENES.format(split="train"),
    output:
        table=report(
            f"{R}/audit/{{auditor}}.evaluation.csv",
            caption="../workflow/report/audit_evaluation.rst",
            category="Audit",
            labels={"by": "{auditor}", "table": "planted errors"},
        ),
    log:
        text=f"{R}/logs/evaluate_audit.{{auditor}}.log",
        usage=f"{R}/logs/evaluate_audit.{{auditor}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        detector=auditor_options,
        files=lambda wildcards, input: " ".join(
            [
                repeated("--annotations", input.annotations),
                repeated("--images", input.images),
                repeated("--checked", input.checked),
                repeated("--model", input.models),
                repeated("--object-model", input.object_model),
            ]
        ),
        cross_fit=CROSS_FIT,
        bottleneck=chosen_bottleneck(AUDIT_MODELS[0]),
        error_rate=SETTINGS.audit.error_rate,
        share=SETTINGS.audit.label_noise,
        folds=SETTINGS.rescoring.folds,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        source=source("evaluate_audit", *AUDIT_MODELS, *OBJECT_MODEL),
    shell:
        "contextual-anomaly --usage {log.usage} evaluate-audit"
        " {params.files} {params.cross_fit} --categories {input.categories}"
        " --train-scenes {input.train_scenes} {params.detector}"
        " --bottleneck {params.bottleneck} --error-rate {params.error_rate} --share {params.share} --folds {params.folds}"
        " --n-resamples {params.bootstrap} --seed {params.seed} --output {output.table} > {log.text} 2>&1"
