# Context models: what says how strongly each class is expected.


rule train:
    """Train a sweep of autoencoders, every bottleneck and weight seed side by side."""
    input:
        scenes=SCENES.format(split="train"),
    output:
        model=MODEL,
        history=report(
            f"{R}/models/{{model}}.history.csv",
            caption="../workflow/report/history.rst",
            category="Models",
            labels={"model": "{model}"},
        ),
    params:
        recipe=lambda wildcards: SETTINGS.models[wildcards.model].recipe,
        bottlenecks=lambda wildcards: repeated("--bottleneck", SETTINGS.models[wildcards.model].bottlenecks),
        seeds=lambda wildcards: repeated("--seed", SETTINGS.models[wildcards.model].weight_seeds),
        epochs=lambda wildcards: SETTINGS.models[wildcards.model].epochs,
        batch_size=lambda wildcards: SETTINGS.models[wildcards.model].batch_size,
        source=source("train"),
    wildcard_constraints:
        model="|".join(SETTINGS.models),
    log:
        f"{R}/logs/train.{{model}}.log",
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    conda:
        "../envs/models.yaml"
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
    params:
        source=source("fit_frequency"),
    log:
        f"{R}/logs/fit_frequency.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../envs/models.yaml"
    shell:
        "contextual-anomaly fit-frequency --scenes {input.scenes} --output {output.model} 2>&1 | tee {log}"


if EMBEDDED:

    rule world_oracle:
        """Write the embedded world's exact conditionals: what no model can beat."""
        output:
            model=MODEL.format(model="oracle"),
        params:
            person="--include-person" if SETTINGS.scenes.include_person else "--exclude-person",
            minimum_classes=SETTINGS.scenes.minimum_classes,
            source=source("world_oracle"),
        log:
            f"{R}/logs/world_oracle.log",
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        conda:
            "../envs/dataset.yaml"
        shell:
            "contextual-anomaly world-oracle {params.person} --minimum-classes {params.minimum_classes}"
            " --output {output.model} 2>&1 | tee {log}"
