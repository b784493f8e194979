# From COCO annotation files, the world's own or a local copy, to tables and scenes.

if SYNTHETIC:

    rule world_annotations:
        """Sample the synthetic world's scenes and write them as COCO annotation files."""
        output:
            train=raw("train"),
            val=raw("val"),
        log:
            text=f"{R}/logs/world_annotations.log",
            usage=f"{R}/logs/world_annotations.usage.json",
        cache: SHARED
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=growing(10),
        params:
            seed=SETTINGS.world.seed,
            train_images=SETTINGS.world.train_images,
            val_images=SETTINGS.world.val_images,
            source=source("world_annotations"),
        shell:
            "contextual-anomaly --usage {log.usage} world-annotations"
            " --seed {params.seed} --train-images {params.train_images}"
            " --val-images {params.val_images} --train {output.train} --val {output.val} > {log.text} 2>&1"

    rule world_images:
        """Render the validation images that the detector looks at."""
        input:
            annotations=raw("val"),
        output:
            images=directory(VAL_IMAGES),
        log:
            text=f"{R}/logs/world_images.log",
            usage=f"{R}/logs/world_images.usage.json",
        cache: SHARED
        # The first result that a person can look at.
        priority: 1
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            seed=SETTINGS.world.seed,
            rendered_images=SETTINGS.world.rendered_images,
            source=source("world_images"),
        shell:
            "contextual-anomaly --usage {log.usage} world-images"
            " --annotations {input.annotations} --seed {params.seed}"
            " --count {params.rendered_images} --output {output.images} > {log.text} 2>&1"

    rule world_video:
        """Render a short video of a kitchen to try things on, with what happens in it and how probable it is."""
        output:
            video=VIDEO[0],
            truth=VIDEO[1],
            events=VIDEO[2],
        log:
            text=f"{R}/logs/world_video.log",
            usage=f"{R}/logs/world_video.usage.json",
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            seed=SETTINGS.world.seed,
            seconds=SETTINGS.world.video_seconds,
            source=source("world_video"),
        shell:
            "contextual-anomaly --usage {log.usage} world-video --place kitchen"
            " --seed {params.seed} --seconds {params.seconds} --fps 6 --output {output.video}"
            " --truth {output.truth} --events {output.events} > {log.text} 2>&1"


rule annotations:
    """Read a split's annotations, check every record, and write them as tables."""
    input:
        instances=lambda wildcards: raw(wildcards.split),
        other=lambda wildcards: other_raw(wildcards.split),
        splits=SETTINGS.dataset.splits.table or [],
    output:
        annotations=ANNOTATIONS,
        images=IMAGES,
        categories=CATEGORIES,
        problems=PROBLEMS,
        checked=CHECKED,
    log:
        text=f"{R}/logs/annotations.{{split}}.log",
        usage=f"{R}/logs/annotations.{{split}}.usage.json",
    cache: SHARED
    conda:
        "../envs/dataset.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        options=lambda wildcards: reading_options(wildcards.split),
        source=source("annotations"),
    shell:
        "contextual-anomaly --usage {log.usage} annotations"
        " {input.instances:q} {params.options} --annotations {output.annotations}"
        " --images {output.images} --categories {output.categories}"
        " --problems {output.problems} --checked {output.checked} --threads {threads} > {log.text} 2>&1"


rule object_geometry:
    """Sum up how many objects of each class an image has, how large and where."""
    input:
        annotations=ANNOTATIONS,
        images=IMAGES,
    output:
        object_geometry=OBJECT_GEOMETRY,
    log:
        text=f"{R}/logs/object_geometry.{{split}}.log",
        usage=f"{R}/logs/object_geometry.{{split}}.usage.json",
    cache: SHARED
    conda:
        "../envs/dataset.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        split=lambda wildcards: wildcards.split,
        source=source("object_geometry"),
    shell:
        "contextual-anomaly --usage {log.usage} object-geometry"
        " --annotations {input.annotations} --images {input.images}"
        " --output {output.object_geometry} > {log.text} 2>&1"


rule scenes:
    """Encode which classes each image holds, and count the classes."""
    input:
        train_annotations=ANNOTATIONS.format(split="train"),
        val_annotations=ANNOTATIONS.format(split="val"),
        train_categories=CATEGORIES.format(split="train"),
        val_categories=CATEGORIES.format(split="val"),
        train_images=IMAGES.format(split="train"),
        val_images=IMAGES.format(split="val"),
    output:
        train=SCENES.format(split="train"),
        val=SCENES.format(split="val"),
        train_unfiltered=UNFILTERED_SCENES.format(split="train"),
        val_unfiltered=UNFILTERED_SCENES.format(split="val"),
        counts=report(
            CLASS_COUNTS,
            caption="../workflow/report/class_counts.rst",
            category="Data",
        ),
        summary=DATA_SUMMARY,
    log:
        text=f"{R}/logs/scenes.log",
        usage=f"{R}/logs/scenes.usage.json",
    cache: SHARED
    conda:
        "../envs/dataset.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        dataset=verbatim(SETTINGS.dataset.name),
        person=(
            "--include-person"
            if SETTINGS.scenes.include_person
            else "--exclude-person"
        ),
        minimum_classes=SETTINGS.scenes.minimum_classes,
        held_out_every=SETTINGS.scenes.held_out_every,
        pictures=verbatim(
            optional("--image-folder", local(SETTINGS.dataset.val_images))
        ),
        source=source("scenes"),
    shell:
        "contextual-anomaly --usage {log.usage} scenes"
        " --dataset {params.dataset:q} {params.person}"
        " --minimum-classes {params.minimum_classes} --held-out-every {params.held_out_every}"
        " --train-annotations {input.train_annotations} --val-annotations {input.val_annotations}"
        " --train-categories {input.train_categories} --val-categories {input.val_categories}"
        " --train-scenes {output.train} --val-scenes {output.val} --train-scenes-unfiltered {output.train_unfiltered}"
        " --val-scenes-unfiltered {output.val_unfiltered}"
        " --train-images {input.train_images} --val-images {input.val_images} {params.pictures}"
        " --class-counts {output.counts} --data-summary {output.summary} --threads {threads} > {log.text} 2>&1"
