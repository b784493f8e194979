"""Keys of a cfg: those that are read, those that only matter for training, and those that are not supported."""

import logging

from contextual_anomaly.detection.darknet.cfg import CfgSection

logger = logging.getLogger(__name__)

READ = {
    "net": {"width", "height", "channels"},
    "convolutional": {
        "batch_normalize", "filters", "size", "stride", "stride_x", "stride_y", "pad", "padding", "groups", "dilation",
        "activation",
    },
    "maxpool": {"size", "stride", "stride_x", "stride_y", "padding"},
    "shortcut": {"from", "activation"},
    "route": {"layers", "groups", "group_id"},
    "upsample": {"stride", "scale"},
    "reorg": {"stride"},
    "avgpool": set(),
    "scale_channels": {"from", "scale_wh", "activation"},
    "sam": {"from", "activation"},
    "dropout": {"probability"},
    "yolo": {"mask", "anchors", "num", "classes", "scale_x_y", "new_coords"},
    "region": {"anchors", "num", "classes", "coords", "softmax"},
}  # fmt: skip

# Keys that change what a layer computes, each with the value at which it changes nothing.
CHANGING = {
    "convolutional": {
        "flipped": "0", "binary": "0", "xnor": "0", "antialiasing": "0", "share_index": "", "steps": "1", "deform": "0",
        "rotate": "0", "stretch": "0", "stretch_sway": "0", "sway": "0", "assisted_excitation": "0",
    },
    "maxpool": {"maxpool_depth": "0", "out_channels": "1", "antialiasing": "0"},
    "shortcut": {"weights_type": "none", "weights_normalization": "none"},
    "route": {"stream": "0"},
    "reorg": {"reverse": "0", "flatten": "0", "extra": "0"},
    "yolo": {"embedding_layer": "999999"},
    "region": {"coords": "4", "background": "0", "tree": "", "map": ""},
}  # fmt: skip

TRAINING = {
    "stopbackward", "dontload", "dontloadscales", "onlyforward", "receptive_field", "show_receptive_field",
    "learning_rate", "learning_rate_scale", "train_only_bn", "batch", "subdivisions", "name", "cost", "clip",
}  # fmt: skip
TRAINING_SECTIONS = {"net", "yolo", "region", "dropout"}  # their other keys concern training or thresholds only


def check_keys(layer: CfgSection) -> None:
    """Refuse keys that are not supported, and log keys that are not known.

    Raises:
        UserError: A key has a value that changes what the layer computes, which is not supported.
    """
    changing = CHANGING.get(layer.kind, {})
    for key, (text, line) in layer.values.items():
        if key in changing:
            if text != changing[key]:
                only = f"only {key}={changing[key]}" if changing[key] else f"only a section without {key}"
                raise layer.error(f"this changes what the layer computes, and {only} is supported.", key)
        elif key not in READ[layer.kind] | TRAINING and layer.kind not in TRAINING_SECTIONS:
            logger.info(f"{layer.path}, line {line}, [{layer.kind}]: {key} is not known and is ignored")
