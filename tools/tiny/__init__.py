"""The demo's tiny models: their world of pictures, their training, their export and their measurement.

A family is whatever has the names of model.py's second part: model.py itself (LLaVA-OneVision), or a qwen_vl.Family.
"""

FAMILIES = ["llava-onevision", "qwen2-vl", "qwen2.5-vl"]


def family(name):
    from . import model, qwen_vl

    return model if name == "llava-onevision" else qwen_vl.Family(name)
