# The report: one HTML file that holds everything.


rule configuration:
    """Write down the settings that everything is made with."""
    output:
        settings=f"{R}/configuration.yaml",
    log:
        text=f"{R}/logs/configuration.log",
        usage=f"{R}/logs/configuration.usage.json",
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=verbatim(SETTINGS_AS_OPTION),
        source=source("configuration"),
    shell:
        "contextual-anomaly --usage {log.usage} configuration"
        " --settings {params.settings:q} --output {output.settings} > {log.text} 2>&1"


rule write_report:
    """Put data, models, anomalies and experiments into one HTML file."""
    input:
        scenes=expand(SCENES, split=SPLITS),
        counts=CLASS_COUNTS,
        data_summary=DATA_SUMMARY,
        problems=expand(PROBLEMS, split=SPLITS),
        annotations=ANNOTATIONS.format(split="val"),
        images=IMAGES.format(split="val"),
        categories=CATEGORIES.format(split="val"),
        pictures=VAL_IMAGES,
        fetched=f"{IMAGE_SUBSET}.csv" if VAL_IMAGES == IMAGE_SUBSET else [],
        histories=expand(rules.fit.output.history, model=SETTINGS.models),
        timings=expand(rules.fit.output.timing, model=SETTINGS.models),
        listings=expand(rules.list_anomalies.output.table, model=LISTING_MODELS),
        published=expand(rules.experiment_published.output, model=PUBLISHED_MODELS),
        corrected=expand(rules.experiment_corrected.output, model=MODELS),
        objects=expand(rules.experiment_objects.output, model=OBJECT_JUDGES),
        differences=rules.compare_models.output.differences,
        out_of_context=expand(OUT_OF_CONTEXT, model=MODELS),
        watch=WATCH,
        evaluated=expand(rules.evaluate_detector.output, detector=DETECTORS),
        rescored=expand(rules.rescore.output, detector=DETECTORS),
        judged=expand(rules.evaluate_rescoring.output, detector=DETECTORS),
        audited=expand(rules.audit_annotations.output.table, auditor=AUDITORS),
        audit_selections=expand(
            rules.audit_annotations.output.selection, auditor=AUDITORS
        ),
        checked=expand(rules.evaluate_audit.output.table, auditor=AUDITORS),
        detected=expand(rules.merge_detections.output.images, detector=DETECTORS),
        settings=rules.configuration.output.settings,
        # The published list of anomalies is compared with what the autoencoders expect.
        models=expand(MODEL, model=REPRODUCED),
        every=expand(UNFILTERED_SCENES, split=SPLITS),
    output:
        html=report(
            f"{R}/report.html",
            caption="../workflow/report/report.rst",
            category="Report",
        ),
        figure=f"{R}/anomalies.png",
        summary=f"{R}/summary.json",
    log:
        text=f"{R}/logs/write_report.log",
        usage=f"{R}/logs/write_report.usage.json",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        results=lambda wildcards, output: Path(output.html).parent,
        name=verbatim(SETTINGS.dataset.name),
        kind=SETTINGS.dataset.kind.value,
        models=repeated(
            "--model", [f"{name}={family}" for name, family in FAMILY.items()]
        ),
        listings=repeated("--listing", LISTING_MODELS),
        judges=repeated("--object-judge", OBJECT_JUDGES),
        detectors=repeated("--detector", DETECTORS),
        auditors=repeated("--auditor", AUDITORS),
        images=optional("--images", VAL_IMAGES),
        fetched=lambda wildcards, input: optional("--fetched", input.fetched),
        gallery=SETTINGS.report.gallery,
        out_of_context="--out-of-context" if OUT_OF_CONTEXT else "",
        watch="--watch" if WATCH else "",
        source=source("write_report", *REPRODUCED),
    shell:
        "contextual-anomaly --usage {log.usage} write-report"
        " --results {params.results} --dataset-name {params.name:q}"
        " --dataset-kind {params.kind} {params.models} {params.listings} {params.judges} {params.detectors} {params.auditors}"
        " {params.images} {params.fetched} {params.out_of_context} {params.watch} --configuration {input.settings} --gallery {params.gallery}"
        " --figure {output.figure} --summary {output.summary} --output {output.html} > {log.text} 2>&1"
