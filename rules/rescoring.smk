# Experiment 2: what context adds to a detector.


rule rescore:
    """Apply the published gate to a detector, and compare with the detector alone at the same recall."""
    input:
        class_scores=f"{R}/class_scores/{{detector}}/val.parquet",
        annotations=ANNOTATIONS.format(split="val"),
        images=IMAGES.format(split="val"),
        model=MODEL.format(model=SETTINGS.rescoring.model),
        unseen=lambda wildcards: DETECTORS[wildcards.detector].unseen or [],
    output:
        summary=report(
            f"{R}/experiments/rescoring/{{detector}}.summary.csv",
            caption="../workflow/report/rescoring.rst",
            category="Experiment 2",
            labels={"detector": "{detector}", "table": "precision and recall"},
        ),
        trials=f"{R}/experiments/rescoring/{{detector}}.trials.parquet",
        supported=report(
            f"{R}/experiments/rescoring/{{detector}}.context_supported_false_positives.csv",
            caption="../workflow/report/context_supported_false_positives.rst",
            category="Experiment 2",
            labels={
                "detector": "{detector}",
                "table": "false positives that context supports",
            },
        ),
        supported_images=f"{R}/experiments/rescoring/{{detector}}.context_supported_false_positive_images.csv",
        by_part=f"{R}/experiments/rescoring/{{detector}}.summary_by_part.csv",
    log:
        text=f"{R}/logs/rescore.{{detector}}.log",
        usage=f"{R}/logs/rescore.{{detector}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        bottleneck=chosen_bottleneck(SETTINGS.rescoring.model),
        thresholds=repeated("--threshold", SETTINGS.rescoring.thresholds),
        keep_above=SETTINGS.rescoring.keep_above,
        context_threshold=SETTINGS.rescoring.context_threshold,
        minimum_classes=SETTINGS.rescoring.minimum_classes,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        unseen=lambda wildcards: optional(
            "--unseen", DETECTORS[wildcards.detector].unseen
        ),
        source=source("rescore", SETTINGS.rescoring.model),
    shell:
        "contextual-anomaly --usage {log.usage} rescore"
        " --class-scores {input.class_scores} --annotations {input.annotations}"
        " --images {input.images} --model {input.model} --bottleneck {params.bottleneck} {params.thresholds}"
        " --keep-above {params.keep_above} --context-threshold {params.context_threshold}"
        " --minimum-classes {params.minimum_classes} --n-resamples {params.bootstrap} --seed {params.seed}"
        " --summary {output.summary} --trials {output.trials} --supported {output.supported}"
        " --supported-images {output.supported_images} {params.unseen} --summary-by-part {output.by_part} > {log.text} 2>&1"


rule fuse:
    """Fuse the detector's scores with context, calibrated and cross-validated."""
    input:
        detections=rules.merge_detections.output.detections,
        class_scores=rules.merge_detections.output.class_scores,
        annotations=ANNOTATIONS.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        model=MODEL.format(model=SETTINGS.rescoring.fusion_model),
        train_scenes=SCENES.format(split="train"),
    output:
        presence=f"{R}/experiments/rescoring/{{detector}}.presence.parquet",
        boxes=f"{R}/experiments/rescoring/{{detector}}.fused_boxes.parquet",
    log:
        text=f"{R}/logs/fuse.{{detector}}.log",
        usage=f"{R}/logs/fuse.{{detector}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        bottleneck=chosen_bottleneck(SETTINGS.rescoring.fusion_model),
        folds=SETTINGS.rescoring.folds,
        seed=SETTINGS.experiments.seed,
        source=source("fuse", SETTINGS.rescoring.fusion_model),
    shell:
        "contextual-anomaly --usage {log.usage} fuse"
        " --detections {input.detections} --class-scores {input.class_scores}"
        " --annotations {input.annotations} --categories {input.categories} --model {input.model}"
        " --train-scenes {input.train_scenes} --bottleneck {params.bottleneck} --folds {params.folds} --seed {params.seed}"
        " --presence {output.presence} --boxes {output.boxes} > {log.text} 2>&1"


rule rescore_boxes:
    """Rescore each box by itself, its duplicates and its context, cross-validated."""
    input:
        detections=rules.merge_detections.output.detections,
        detected=rules.merge_detections.output.images,
        annotations=ANNOTATIONS.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        images=IMAGES.format(split="val"),
        object_model=object_model(),
    output:
        boxes=f"{R}/experiments/rescoring/{{detector}}.rescored_boxes.parquet",
    log:
        text=f"{R}/logs/rescore_boxes.{{detector}}.log",
        usage=f"{R}/logs/rescore_boxes.{{detector}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        object_model=lambda wildcards, input: optional(
            "--object-model", input.object_model
        ),
        folds=SETTINGS.rescoring.folds,
        seed=SETTINGS.experiments.seed,
        source=source("rescore_boxes"),
    shell:
        "contextual-anomaly --usage {log.usage} rescore-boxes"
        " --detections {input.detections} --image-report {input.detected}"
        " --annotations {input.annotations} --categories {input.categories} --images {input.images} {params.object_model}"
        " --folds {params.folds} --seed {params.seed} --output {output.boxes} > {log.text} 2>&1"


rule evaluate_rescoring:
    """Compare the detector alone and with context, with paired intervals."""
    input:
        presence=rules.fuse.output.presence,
        fused=rules.fuse.output.boxes,
        rescored=rules.rescore_boxes.output.boxes,
        images=IMAGES.format(split="val"),
        unseen=lambda wildcards: DETECTORS[wildcards.detector].unseen or [],
        detected=rules.merge_detections.output.images,
        annotations=ANNOTATIONS.format(split="val"),
        categories=CATEGORIES.format(split="val"),
    output:
        metrics=report(
            f"{R}/experiments/rescoring/{{detector}}.metrics.csv",
            caption="../workflow/report/rescoring_metrics.rst",
            category="Experiment 2",
            labels={"detector": "{detector}", "table": "what context adds"},
        ),
        by_part=f"{R}/experiments/rescoring/{{detector}}.metrics_by_part.csv",
        precision_recall=f"{R}/experiments/rescoring/{{detector}}.precision_recall.csv",
        risk_coverage=f"{R}/experiments/rescoring/{{detector}}.risk_coverage.csv",
    log:
        text=f"{R}/logs/evaluate_rescoring.{{detector}}.log",
        usage=f"{R}/logs/evaluate_rescoring.{{detector}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        thresholds=repeated("--threshold", SETTINGS.rescoring.thresholds),
        minimum_classes=SETTINGS.rescoring.minimum_classes,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        unseen=lambda wildcards: optional(
            "--unseen", DETECTORS[wildcards.detector].unseen
        ),
        source=source("evaluate_rescoring"),
    shell:
        "contextual-anomaly --usage {log.usage} evaluate-rescoring"
        " --presence {input.presence} --fused-boxes {input.fused}"
        " --rescored-boxes {input.rescored} --image-report {input.detected} --annotations {input.annotations}"
        " --categories {input.categories} {params.thresholds} --minimum-classes {params.minimum_classes}"
        " --n-resamples {params.bootstrap} --seed {params.seed} --output {output.metrics}"
        " --images {input.images} {params.unseen} --by-part {output.by_part}"
        " --precision-recall {output.precision_recall} --risk-coverage {output.risk_coverage} > {log.text} 2>&1"
