# Detectors: the network runs once per image, or its results are read; everything later reads the same tables.

if SYNTHETIC:

    rule world_detector:
        """Build the synthetic world's own detector."""
        output:
            weights=f"{R}/world/detector.onnx",
        log:
            text=f"{R}/logs/world_detector.log",
            usage=f"{R}/logs/world_detector.usage.json",
        cache: SHARED
        conda:
            "../envs/detection.yaml"
        threads: 1
        resources:
            mem_mb=growing(3000),
            runtime=growing(10),
        params:
            seed=SETTINGS.world.seed,
            train_images=SETTINGS.world.detector_train_images,
            steps=SETTINGS.world.detector_train_steps,
            source=source("world_detector"),
        shell:
            "contextual-anomaly --usage {log.usage} world-detector"
            " --seed {params.seed} --train-images {params.train_images}"
            " --steps {params.steps} --output {output.weights} > {log.text} 2>&1"


if CONVERTED:

    rule darknet_to_onnx:
        """Convert a Darknet detector to ONNX, boxes decoded in the graph."""
        input:
            cfg=lambda wildcards: DETECTORS[wildcards.detector].cfg,
            weights=lambda wildcards: DETECTORS[wildcards.detector].weights,
        output:
            onnx=f"{R}/detectors/{{detector}}.onnx",
        log:
            text=f"{R}/logs/darknet_to_onnx.{{detector}}.log",
            usage=f"{R}/logs/darknet_to_onnx.{{detector}}.usage.json",
        wildcard_constraints:
            detector="|".join(d.name for d in DETECTORS.values() if d.cfg),
        cache: SHARED
        conda:
            "../envs/detection.yaml"
        threads: 1
        resources:
            mem_mb=growing(2500),
            runtime=growing(10),
        params:
            # Snakemake's cache sees no wildcards: what tells two conversions apart is a param.
            name=lambda wildcards: wildcards.detector,
            size=lambda wildcards: DETECTORS[wildcards.detector].input_size,
            source=source("darknet_to_onnx"),
        shell:
            "contextual-anomaly --usage {log.usage} darknet-to-onnx"
            " --cfg {input.cfg:q} --weights {input.weights:q} --size {params.size}"
            " --output {output.onnx} > {log.text} 2>&1"


if FETCHED:

    rule fetch_detector:
        """Take a detector from the local copy or the user's cache, or else download it, and verify it."""
        output:
            # What is there is left there for the command to verify, as in download.
            weights=update(f"{DOWNLOADS}/{{onnx}}"),
        log:
            text=f"{DOWNLOADS}/logs/fetch_detector.{{onnx}}.log",
            usage=f"{DOWNLOADS}/logs/fetch_detector.{{onnx}}.usage.json",
        wildcard_constraints:
            onnx="|".join(re.escape(Path(file).name) for file in FETCHED),
        localrule: True
        conda:
            "../envs/detection.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=growing(60),
        params:
            name=lambda wildcards: FETCHED[f"{DOWNLOADS}/{wildcards.onnx}"],
            local_copy=lambda wildcards, output: optional(
                "--local-copy", SETTINGS.dataset.local_copy
            ),
        shell:
            "contextual-anomaly --usage {log.usage} models fetch"
            " {params.name} {params.local_copy} --output {output.weights} 2>&1 | tee {log.text}"


rule read_detections:
    """Read the results of a detector that another program ran."""
    input:
        results=lambda wildcards: DETECTORS[wildcards.detector].results,
        covered=lambda wildcards: DETECTORS[wildcards.detector].images or [],
        image_table=IMAGES.format(split="val"),
        categories=CATEGORIES.format(split="val"),
    output:
        detections=f"{R}/detections/{{detector}}/val.parquet",
        class_scores=f"{R}/class_scores/{{detector}}/val.parquet",
        images=f"{R}/detections/{{detector}}/images.csv",
    log:
        text=f"{R}/logs/read_detections.{{detector}}.log",
        usage=f"{R}/logs/read_detections.{{detector}}.usage.json",
    wildcard_constraints:
        detector="|".join(WITH_RESULTS) or "none",
    conda:
        "../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        covered=lambda wildcards: optional(
            "--covered", DETECTORS[wildcards.detector].images
        ),
        strict="--strict" * SETTINGS.dataset.strict,
        source=source("read_detections"),
    shell:
        "contextual-anomaly --usage {log.usage} read-detections"
        " --results {input.results:q} {params.covered} {params.strict}"
        " --image-table {input.image_table} --categories {input.categories}"
        " --detections {output.detections} --class-scores {output.class_scores} --image-report {output.images}"
        " > {log.text} 2>&1"


rule detect:
    """Run a detector on one shard of the validation images."""
    input:
        images=VAL_IMAGES,
        image_table=IMAGES.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        weights=lambda wildcards: weights(wildcards.detector),
        names=lambda wildcards: DETECTORS[wildcards.detector].class_names or [],
    output:
        detections=f"{R}/detections/{{detector}}/shards/{{shard}}.parquet",
        class_scores=f"{R}/class_scores/{{detector}}/shards/{{shard}}.parquet",
        images=f"{R}/detections/{{detector}}/shards/{{shard}}.images.csv",
    log:
        text=f"{R}/logs/detect.{{detector}}.{{shard}}.log",
        usage=f"{R}/logs/detect.{{detector}}.{{shard}}.usage.json",
    wildcard_constraints:
        detector="|".join(NETWORKS) or "none",
    conda:
        "../envs/detection.yaml"
    threads: 2
    resources:
        mem_mb=growing(3000),
        runtime=growing(120),
        gpu=int("cuda" in SETTINGS.detection.backend),
    params:
        family=lambda wildcards: DETECTORS[wildcards.detector].family,
        resize=lambda wildcards: DETECTORS[wildcards.detector].resize,
        names=lambda wildcards: optional(
            "--names", DETECTORS[wildcards.detector].class_names
        ),
        shards=SETTINGS.detection.shards,
        score_threshold=SETTINGS.detection.score_threshold,
        nms_threshold=SETTINGS.detection.nms_threshold,
        input_size=lambda wildcards: (
            0
            if DETECTORS[wildcards.detector].cfg
            else DETECTORS[wildcards.detector].input_size
        ),
        batch_size=SETTINGS.detection.batch_size,
        backend=SETTINGS.detection.backend,
        source=source("detect"),
    shell:
        "contextual-anomaly --usage {log.usage} detect"
        " --images {input.images:q} --image-table {input.image_table}"
        " --categories {input.categories} --weights {input.weights:q} --family {params.family} {params.names}"
        " --resize {params.resize} --input-size {params.input_size} --batch-size {params.batch_size} --backend {params.backend}"
        " --shard {wildcards.shard} --shards {params.shards} --score-threshold {params.score_threshold}"
        " --nms-threshold {params.nms_threshold} --threads {threads} --detections {output.detections}"
        " --class-scores {output.class_scores} --image-report {output.images} > {log.text} 2>&1"


rule merge_detections:
    """Put the shards of a detector together."""
    input:
        detections=expand(
            rules.detect.output.detections, shard=SHARDS, allow_missing=True
        ),
        class_scores=expand(
            rules.detect.output.class_scores, shard=SHARDS, allow_missing=True
        ),
        images=expand(rules.detect.output.images, shard=SHARDS, allow_missing=True),
    output:
        detections=f"{R}/detections/{{detector}}/val.parquet",
        class_scores=f"{R}/class_scores/{{detector}}/val.parquet",
        images=f"{R}/detections/{{detector}}/images.csv",
    log:
        text=f"{R}/logs/merge_detections.{{detector}}.log",
        usage=f"{R}/logs/merge_detections.{{detector}}.usage.json",
    wildcard_constraints:
        detector="|".join(NETWORKS) or "none",
    conda:
        "../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        # One name stands for all: a shell takes no command line with the names of a thousand shards.
        detections=lambda wildcards: of_shard("detections", wildcards.detector),
        class_scores=lambda wildcards: of_shard("class_scores", wildcards.detector),
        images=lambda wildcards: of_shard("images", wildcards.detector),
        shards=SETTINGS.detection.shards,
        source=source("merge_detections"),
    shell:
        "contextual-anomaly --usage {log.usage} merge-detections"
        " --shards {params.shards} --shard-detections {params.detections:q}"
        " --shard-class-scores {params.class_scores:q} --shard-image-report {params.images:q}"
        " --detections {output.detections} --class-scores {output.class_scores} --image-report {output.images}"
        " > {log.text} 2>&1"


rule evaluate_detector:
    """Evaluate a detector by COCO's own measures."""
    input:
        detections=rules.merge_detections.output.detections,
        images=rules.merge_detections.output.images,
        annotations=ANNOTATIONS.format(split="val"),
        categories=CATEGORIES.format(split="val"),
    output:
        table=report(
            f"{R}/experiments/detection/{{detector}}.csv",
            caption="../workflow/report/detection.rst",
            category="Experiment 2",
            labels={"detector": "{detector}", "table": "COCO measures"},
        ),
    log:
        text=f"{R}/logs/evaluate_detector.{{detector}}.log",
        usage=f"{R}/logs/evaluate_detector.{{detector}}.usage.json",
    conda:
        "../envs/detection.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        source=source("evaluate_detector"),
    shell:
        "contextual-anomaly --usage {log.usage} evaluate-detector"
        " --detections {input.detections} --image-report {input.images}"
        " --annotations {input.annotations} --categories {input.categories} --output {output.table} > {log.text} 2>&1"


rule calibrate_detections:
    """Calibrate a context model behind a detector, and see whether the promised false alarms hold on held-out images."""
    input:
        unpack(calibration_inputs),
        model=MODEL,
        calibration=CALIBRATION,
    output:
        calibration=f"{R}/models/{{model}}.{{detector}}.calibration.parquet",
        rates=report(
            f"{R}/experiments/false_alarms/{{model}}.{{detector}}.csv",
            caption="../workflow/report/false_alarms.rst",
            category="Models",
            labels={"model": "{model}", "detector": "{detector}"},
        ),
    log:
        text=f"{R}/logs/calibrate_detections.{{model}}.{{detector}}.log",
        usage=f"{R}/logs/calibrate_detections.{{model}}.{{detector}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        minimum_classes=SETTINGS.scenes.minimum_classes,
        bottleneck=lambda wildcards: chosen_bottleneck(wildcards.model),
        folds=SETTINGS.rescoring.folds,
        seed=SETTINGS.experiments.seed,
        source=lambda wildcards: source("calibrate_detections", wildcards.model),
    shell:
        "contextual-anomaly --usage {log.usage} calibrate-detections"
        " --model {input.model} --calibration {input.calibration} --detector {wildcards.detector}"
        " --detections {input.detections} --image-report {input.detected} --images {input.images}"
        " --categories {input.categories} --annotations {input.annotations}"
        " --minimum-classes {params.minimum_classes} --bottleneck {params.bottleneck} --folds {params.folds}"
        " --seed {params.seed} --output {output.calibration} --rates {output.rates} > {log.text} 2>&1"
