# The listing: what is unexpected, and what is missing.


rule list_anomalies:
    """List the classes that are there against expectation, and those that are expected and not there."""
    input:
        model=MODEL,
        calibration=CALIBRATION,
        geometry=lambda wildcards: list(
            geometry_files(wildcards.model, "val", images=False).values()
        ),
        scenes=SCENES.format(split="val"),
        images=IMAGES.format(split="val"),
        checked=CHECKED.format(split="val"),
    output:
        table=f"{R}/anomalies/{{model}}.parquet",
        csv=report(
            f"{R}/anomalies/{{model}}.csv",
            caption="../workflow/report/anomalies.rst",
            category="Anomalies",
            labels={"model": "{model}"},
        ),
        text=f"{R}/anomalies/{{model}}.txt",
        reasons=f"{R}/anomalies/{{model}}.attributions.parquet",
    log:
        text=f"{R}/logs/list_anomalies.{{model}}.log",
        usage=f"{R}/logs/list_anomalies.{{model}}.usage.json",
    conda:
        "../envs/experiments.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        bottleneck=lambda wildcards: chosen_bottleneck(wildcards.model),
        geometry=lambda wildcards: geometry_options(
            geometry_files(wildcards.model, "val", images=False)
        ),
        limits=lambda wildcards: listing_limits(wildcards.model),
        limits_in_words=lambda wildcards: listing_limits_in_words(wildcards.model),
        source=lambda wildcards: source("list_anomalies", wildcards.model),
    shell:
        "contextual-anomaly --usage {log.usage} list-anomalies"
        " --model {input.model} --calibration {input.calibration} --scenes {input.scenes}"
        " --images {input.images} --checked {input.checked} {params.geometry} --bottleneck {params.bottleneck} {params.limits}"
        " --output {output.table} --csv {output.csv} --text {output.text} --attributions {output.reasons} > {log.text} 2>&1"
