# The annotation audit: objects that were forgotten, and labels that are wrong.

# Each detector judges together with context; where there is none, context judges alone.
AUDITORS = list(DETECTORS) or ["context"]


wildcard_constraints:
    auditor="|".join(AUDITORS),


rule audit_annotations:
    """List probable annotation errors, the likeliest first."""
    input:
        unpack(auditor_inputs),
        annotations=ANNOTATIONS.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        images=IMAGES.format(split="val"),
        model=MODEL.format(model=SETTINGS.audit.model),
        train_scenes=SCENES.format(split="train"),
    output:
        table=f"{R}/audit/{{auditor}}.parquet",
        csv=report(
            f"{R}/audit/{{auditor}}.csv",
            caption="../workflow/report/audit.rst",
            category="Audit",
            labels={"by": "{auditor}", "table": "findings"},
        ),
        coco=f"{R}/audit/{{auditor}}.json",
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
        bottleneck=chosen_bottleneck(SETTINGS.audit.model),
        error_rate=SETTINGS.audit.error_rate,
        min_score=SETTINGS.audit.min_score,
        listed=SETTINGS.audit.max_issues,
        folds=SETTINGS.rescoring.folds,
        seed=SETTINGS.experiments.seed,
        source=source("audit", SETTINGS.audit.model),
    shell:
        "contextual-anomaly --usage {log.usage} audit"
        " --annotations {input.annotations} --categories {input.categories}"
        " --images {input.images} --model {input.model} --train-scenes {input.train_scenes} {params.detector}"
        " --bottleneck {params.bottleneck} --min-score {params.min_score} --max-issues {params.listed}"
        " --error-rate {params.error_rate} --folds {params.folds} --seed {params.seed} --output {output.table} --csv {output.csv} --coco {output.coco}"
        " > {log.text} 2>&1"


rule evaluate_audit:
    """Plant errors into the annotations and see how high the audit ranks them."""
    input:
        unpack(auditor_inputs),
        annotations=ANNOTATIONS.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        images=IMAGES.format(split="val"),
        model=MODEL.format(model=SETTINGS.audit.model),
        train_scenes=SCENES.format(split="train"),
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
        bottleneck=chosen_bottleneck(SETTINGS.audit.model),
        error_rate=SETTINGS.audit.error_rate,
        share=SETTINGS.audit.label_noise,
        folds=SETTINGS.rescoring.folds,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        source=source("evaluate_audit", SETTINGS.audit.model),
    shell:
        "contextual-anomaly --usage {log.usage} evaluate-audit"
        " --annotations {input.annotations} --categories {input.categories}"
        " --images {input.images} --model {input.model} --train-scenes {input.train_scenes} {params.detector}"
        " --bottleneck {params.bottleneck} --error-rate {params.error_rate} --share {params.share} --folds {params.folds}"
        " --n-resamples {params.bootstrap} --seed {params.seed} --output {output.table} > {log.text} 2>&1"
