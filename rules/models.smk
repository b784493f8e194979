# Context models: what says how strongly each class is expected.


rule train:
    """Train a sweep of autoencoders, every bottleneck and weight seed side by side."""
    input:
        scenes=lambda wildcards: (
            EVERY_SCENE.format(split="train")
            if SETTINGS.models[wildcards.model].single_class_images
            else SCENES.format(split="train")
        ),
    output:
        model=MODEL,
        history=report(
            f"{R}/models/{{model}}.history.csv",
            caption="../workflow/report/history.rst",
            category="Models",
            labels={"model": "{model}"},
        ),
    log:
        f"{R}/logs/train.{{model}}.log",
    wildcard_constraints:
        model="|".join(SETTINGS.models),
    conda:
        "../envs/models.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        recipe=lambda wildcards: SETTINGS.models[wildcards.model].recipe,
        bottlenecks=lambda wildcards: repeated(
            "--bottleneck", SETTINGS.models[wildcards.model].bottlenecks
        ),
        seeds=lambda wildcards: repeated(
            "--seed", SETTINGS.models[wildcards.model].weight_seeds
        ),
        epochs=lambda wildcards: SETTINGS.models[wildcards.model].epochs,
        batch_size=lambda wildcards: SETTINGS.models[wildcards.model].batch_size,
        source=source("train"),
    shell:
        "contextual-anomaly train --scenes {input.scenes} --name {wildcards.model} --recipe {params.recipe}"
        " {params.bottlenecks} {params.seeds} --epochs {params.epochs} --batch-size {params.batch_size}"
        " --threads {threads} --output {output.model} --history {output.history} 2>&1 | tee {log}"


rule fit_frequency:
    """Count the classes: the baseline that knows no context."""
    input:
        scenes=SCENES.format(split="train"),
    output:
        model=MODEL.format(model="frequency"),
    log:
        f"{R}/logs/fit_frequency.log",
    conda:
        "../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        source=source("fit_frequency"),
    shell:
        "contextual-anomaly fit-frequency --scenes {input.scenes} --output {output.model} 2>&1 | tee {log}"


if EMBEDDED:

    rule world_oracle:
        """Write the embedded world's exact conditionals: what no model can beat."""
        output:
            model=MODEL.format(model="oracle"),
        log:
            f"{R}/logs/world_oracle.log",
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            person=(
                "--include-person"
                if SETTINGS.scenes.include_person
                else "--exclude-person"
            ),
            source=source("world_oracle"),
        shell:
            "contextual-anomaly world-oracle {params.person}"
            " --output {output.model} 2>&1 | tee {log}"
