# Experiment 1: classes added and taken out, by both protocols.


rule experiment_published:
    """Experiment 1 as the original code does it."""
    input:
        model=MODEL,
        scenes=SCENES.format(split="val"),
        train_scenes=SCENES.format(split="train"),
    output:
        draws=f"{R}/experiments/published/{{model}}.draws.parquet",
        summary=f"{R}/experiments/published/{{model}}.summary.parquet",
        csv=report(
            f"{R}/experiments/published/{{model}}.summary.csv",
            caption="../workflow/report/experiment_published.rst",
            category="Experiment 1",
            labels={"model": "{model}", "protocol": "published"},
        ),
    log:
        text=f"{R}/logs/experiment_published.{{model}}.log",
        usage=f"{R}/logs/experiment_published.{{model}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        draws=SETTINGS.experiments.n_draws_published,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        source=lambda wildcards: source("experiment_published", wildcards.model),
    shell:
        "contextual-anomaly --usage {log.usage} experiment-published"
        " --model {input.model} --scenes {input.scenes}"
        " --train-scenes {input.train_scenes} --n-draws {params.draws} --n-resamples {params.bootstrap} --seed {params.seed} --draws-table {output.draws}"
        " --summary {output.summary} --csv {output.csv} > {log.text} 2>&1"


rule experiment_corrected:
    """Experiment 1 with ranks, false alarms and intervals; and whether expectations are probabilities."""
    input:
        model=MODEL,
        calibration=CALIBRATION,
        geometry=lambda wildcards: list(geometry_files(wildcards.model, "val").values()),
        scenes=SCENES.format(split="val"),
        train_scenes=SCENES.format(split="train"),
    output:
        trials=f"{R}/experiments/corrected/{{model}}.parquet",
        curve=f"{R}/experiments/corrected/{{model}}.calibration.csv",
        summary=f"{R}/experiments/corrected/{{model}}.summary.parquet",
        csv=report(
            f"{R}/experiments/corrected/{{model}}.summary.csv",
            caption="../workflow/report/experiment_corrected.rst",
            category="Experiment 1",
            labels={"model": "{model}", "protocol": "corrected"},
        ),
        timing=f"{R}/experiments/corrected/{{model}}.timing.json",
    log:
        text=f"{R}/logs/experiment_corrected.{{model}}.log",
        usage=f"{R}/logs/experiment_corrected.{{model}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        bottleneck=lambda wildcards: chosen_bottleneck(wildcards.model),
        geometry=lambda wildcards: geometry_options(
            geometry_files(wildcards.model, "val")
        ),
        draws=SETTINGS.experiments.n_draws_corrected,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        source=lambda wildcards: source("experiment_corrected", wildcards.model),
    shell:
        "contextual-anomaly --usage {log.usage} experiment-corrected"
        " --model {input.model} --calibration {input.calibration}"
        " --scenes {input.scenes} --train-scenes {input.train_scenes} {params.geometry} --bottleneck {params.bottleneck}"
        " --n-draws {params.draws} --n-resamples {params.bootstrap} --seed {params.seed} --trials-table {output.trials}"
        " --curve {output.curve} --summary {output.summary} --csv {output.csv} --timing {output.timing} > {log.text} 2>&1"


if SETTINGS.experiments.out_of_context:

    rule experiment_out_of_context:
        """Ask a model for images that are out of context by nature."""
        input:
            model=MODEL,
            cases=SETTINGS.experiments.out_of_context,
            geometry=lambda wildcards: list(
                geometry_files(wildcards.model, "val").values()
            ),
            scenes=UNFILTERED_SCENES.format(split="val"),
        output:
            csv=report(
                f"{R}/experiments/out_of_context/{{model}}.csv",
                caption="../workflow/report/out_of_context.rst",
                category="Experiment 1",
                labels={"model": "{model}", "protocol": "out of context"},
            ),
        log:
            text=f"{R}/logs/experiment_out_of_context.{{model}}.log",
            usage=f"{R}/logs/experiment_out_of_context.{{model}}.usage.json",
        conda:
            "../envs/experiments.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=growing(30),
        params:
            geometry=lambda wildcards: geometry_options(
                geometry_files(wildcards.model, "val")
            ),
            bootstrap=SETTINGS.experiments.n_resamples,
            seed=SETTINGS.experiments.seed,
            source=lambda wildcards: source(
                "experiment_out_of_context", wildcards.model
            ),
        shell:
            "contextual-anomaly --usage {log.usage} experiment-out-of-context"
            " --model {input.model} --cases {input.cases:q} --scenes {input.scenes} {params.geometry}"
            " --n-resamples {params.bootstrap} --seed {params.seed} --output {output.csv} > {log.text} 2>&1"


rule experiment_objects:
    """Objects under a wrong label, and with a wrong box."""
    input:
        model=MODEL,
        annotations=ANNOTATIONS.format(split="val"),
        images=IMAGES.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        train_annotations=ANNOTATIONS.format(split="train"),
        train_images=IMAGES.format(split="train"),
    output:
        summary=f"{R}/experiments/objects/{{model}}.summary.parquet",
        csv=report(
            f"{R}/experiments/objects/{{model}}.summary.csv",
            caption="../workflow/report/experiment_objects.rst",
            category="Experiment 1",
            labels={"model": "{model}", "protocol": "objects"},
        ),
        odd=f"{R}/experiments/objects/{{model}}.odd.parquet",
        odd_csv=report(
            f"{R}/experiments/objects/{{model}}.odd.csv",
            caption="../workflow/report/odd_objects.rst",
            category="Experiment 1",
            labels={"model": "{model}", "protocol": "objects", "table": "odd objects"},
        ),
    log:
        text=f"{R}/logs/experiment_objects.{{model}}.log",
        usage=f"{R}/logs/experiment_objects.{{model}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        share=SETTINGS.experiments.changed_objects,
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        source=lambda wildcards: source("experiment_objects", wildcards.model),
    shell:
        "contextual-anomaly --usage {log.usage} experiment-objects"
        " --model {input.model} --annotations {input.annotations} --images {input.images}"
        " --categories {input.categories} --train-annotations {input.train_annotations} --train-images {input.train_images}"
        " --share {params.share} --n-resamples {params.bootstrap} --seed {params.seed}"
        " --summary {output.summary} --csv {output.csv} --odd {output.odd} --odd-csv {output.odd_csv} > {log.text} 2>&1"


rule compare_models:
    """Compare the models on the same trials, against the one that lists anomalies first."""
    input:
        trials=expand(rules.experiment_corrected.output.trials, model=MODELS),
    output:
        differences=report(
            f"{R}/experiments/differences.csv",
            caption="../workflow/report/differences.rst",
            category="Experiment 1",
            labels={"protocol": "corrected", "table": "paired differences"},
        ),
    log:
        text=f"{R}/logs/compare_models.log",
        usage=f"{R}/logs/compare_models.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        trials=lambda wildcards, input: repeated("--trials", input.trials),
        names=repeated("--name", MODELS),
        reference=LISTING_MODELS[0],
        bootstrap=SETTINGS.experiments.n_resamples,
        seed=SETTINGS.experiments.seed,
        source=source("compare_models"),
    shell:
        "contextual-anomaly --usage {log.usage} compare-models"
        " {params.trials} {params.names} --reference {params.reference}"
        " --n-resamples {params.bootstrap} --seed {params.seed} --output {output.differences} > {log.text} 2>&1"
