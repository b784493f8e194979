# Context models: what says how strongly each class is expected.

# Fitted in one piece; the others train their seeds and sizes side by side.
ON_ONE_CORE = ("frequency", "naive_bayes", "chow_liu", "ease", "pairwise", "ensemble")


rule fit:
    """Fit a context model, and see what held-out scenes look like to it."""
    input:
        # How small a scene may be says nothing about which classes belong together: all learn from every scene, except
        # what repeats the original.
        scenes=lambda wildcards: (
            UNFILTERED_SCENES.format(split="train")
            if getattr(SETTINGS.models[wildcards.model], "single_class_images", True)
            else SCENES.format(split="train")
        ),
        geometry=lambda wildcards: list(
            geometry_files(wildcards.model, "train").values()
        ),
        estimators=lambda wildcards: expand(MODEL, model=estimators(wildcards.model)),
    output:
        model=MODEL,
        calibration=CALIBRATION,
        history=report(
            f"{R}/models/{{model}}.history.csv",
            caption="../workflow/report/history.rst",
            category="Models",
            labels={"model": "{model}"},
        ),
        timing=f"{R}/models/{{model}}.timing.json",
    log:
        text=f"{R}/logs/fit.{{model}}.log",
        usage=f"{R}/logs/fit.{{model}}.usage.json",
    wildcard_constraints:
        model="|".join(SETTINGS.models),
    cache: SHARED
    conda:
        "../envs/models.yaml"
    threads: lambda wildcards: 1 if FAMILY[wildcards.model] in ON_ONE_CORE else 2
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
        gpu=0,
    params:
        name=lambda wildcards: wildcards.model,
        settings=lambda wildcards: SETTINGS.models[wildcards.model].model_dump_json(),
        minimum_classes=SETTINGS.scenes.minimum_classes,
        geometry=lambda wildcards: geometry_options(
            geometry_files(wildcards.model, "train")
        ),
        estimators=lambda wildcards: repeated(
            "--estimator", expand(MODEL, model=estimators(wildcards.model))
        ),
        source=lambda wildcards: source("fit", wildcards.model),
    shell:
        "contextual-anomaly --usage {log.usage} fit"
        " --scenes {input.scenes} --name {params.name} --settings {params.settings:q}"
        " {params.geometry} {params.estimators} --minimum-classes {params.minimum_classes} --threads {threads}"
        " --output {output.model} --history {output.history} --calibration {output.calibration}"
        " --timing {output.timing} > {log.text} 2>&1"


if SYNTHETIC:

    rule world_oracle:
        """Write the synthetic world's exact conditionals: what no model can beat."""
        input:
            scenes=UNFILTERED_SCENES.format(split="train"),
        output:
            model=MODEL.format(model="oracle"),
            calibration=CALIBRATION.format(model="oracle"),
        log:
            text=f"{R}/logs/world_oracle.log",
            usage=f"{R}/logs/world_oracle.usage.json",
        cache: SHARED
        conda:
            "../envs/models.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            minimum_classes=SETTINGS.scenes.minimum_classes,
            source=source("world_oracle"),
            objects=lambda wildcards, input: geometry_options(
                {f"--{name}": file for name, file in input.items() if name != "scenes"}
            ),
        shell:
            "contextual-anomaly --usage {log.usage} world-oracle"
            " --scenes {input.scenes} {params.objects} --minimum-classes {params.minimum_classes}"
            " --output {output.model} --calibration {output.calibration} > {log.text} 2>&1"

    use rule world_oracle as world_oracle_with_boxes with:
        input:
            scenes=UNFILTERED_SCENES.format(split="train"),
            objects=ANNOTATIONS.format(split="train"),
            images=IMAGES.format(split="train"),
            categories=CATEGORIES.format(split="train"),
        output:
            model=MODEL.format(model="oracle_with_boxes"),
            calibration=CALIBRATION.format(model="oracle_with_boxes"),
        log:
            text=f"{R}/logs/world_oracle_with_boxes.log",
            usage=f"{R}/logs/world_oracle_with_boxes.usage.json",
