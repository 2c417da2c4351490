"""golden/keys/forms.json: what transformers 4.51.3 makes of folders whose files say something unusual.

    python tools/golden/folder_forms_golden.py

pixels   changes of preprocessor_config.json (null takes a key out) -> SHA-256 of pixel_values as float32, by the folder's image
         processor; Qwen2-VL's pictures go through qwen_vl_utils' resize first (tools/oracle/qwen_vl.py). `raises`: the
         library does. An integer picture (nothing rescaled, nothing normalised) counts as the float32 it becomes in the tower.
taps     theta -> the input of each o_proj at the last token of a text, by the library's own float32 forward.
tests/models/test_forms.c reads both.
"""
import hashlib
import json
import os
import shutil
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)
from tools.oracle.qwen_vl import smart_resize, to_rgb  # noqa: E402

MODELS = os.path.join(ROOT, "golden", "models")
PICTURES = "golden/qwen_vl/images/"
TEXT = "the history of the red house on the hill in the north, and who lives there still"

BOTH = [
    {},
    {"do_rescale": False},
    {"do_normalize": False},
    {"do_rescale": False, "do_normalize": False},
    {"do_rescale": False, "rescale_factor": 0.5},
    {"do_normalize": False, "rescale_factor": 0.5},
    {"do_normalize": False, "image_std": [1, 1, 1]},
    {"do_resize": False},
    {"do_pad": True},
    {"do_convert_rgb": False},
    {"do_center_crop": False, "crop_size": {"height": 14, "width": 14}},
    {"do_center_crop": True, "crop_size": {"height": 14, "width": 14}},
    {"pad_size": {"height": 140, "width": 140}},
    {"image_mean": 0.5},
    {"image_std": 0.25},
    {"image_mean": 0.25, "image_std": 2},
    {"image_mean": 1, "image_std": 0.5, "do_rescale": False},
    {"image_mean": [0.5]},
    {"image_std": [0.5, 0.5]},
    {"image_mean": None, "image_std": None},
    {"resample": 2},
    {"resample": 1},
    {"rescale_factor": 1},
    {"rescale_factor": 0.0078125},
    {"data_format": "channels_last"},
    {"input_data_format": "channels_first"},
    {"default_to_square": True},
    {"device": "cpu", "disable_grouping": True, "return_tensors": "pt"},
    {"image_processor_type": "CLIPImageProcessor"},
    {"image_processor_type": None},
]
LLAVA = [
    {"do_pad": False},
    {"size": None},
    {"size": 28},
    {"size": {"shortest_edge": 28}},
    {"size": {"height": 30, "width": 30}},
    {"size": {"height": 28, "width": 56}},
    {"image_grid_pinpoints": [[28, 28]]},
    {"image_grid_pinpoints": None},
    {"image_grid_pinpoints": "(1x1),...,(6x6)"},
    {"image_processor_type": "LlavaOnevisionImageProcessorFast"},
]
QWEN = [
    {"do_pad": False},
    {"max_pixels": 12544},
    {"max_pixels": 12544, "do_resize": False},
    {"min_pixels": 100352},
    {"min_pixels": 100352, "do_resize": False},
    {"max_pixels": 12544, "resample": 2},
    {"max_pixels": 12544, "do_rescale": False},
    {"max_pixels": 12544, "image_mean": 0.5, "image_std": 0.5},
    {"min_pixels": None, "max_pixels": None},
    {"min_pixels": None, "max_pixels": None, "size": {"shortest_edge": 3136, "longest_edge": 12544}},
    {"max_pixels": None, "size": {"shortest_edge": 3136, "longest_edge": 12544}},
    {"size": {"shortest_edge": 3136, "longest_edge": 12544}},
    {"size": {"shortest_edge": 3136}},
    {"size": {"height": 28, "width": 28}},
    {"size": {"min_pixels": 3136, "max_pixels": 12544}},
    {"size": 28},
    {"image_processor_type": "Qwen2VLImageProcessorFast"},
    {"image_processor_type": "Qwen2_5_VLImageProcessor"},
]
NULLS = [{k: None} for k in ("do_rescale", "do_normalize", "do_resize", "resample", "rescale_factor")]  # null as a value


def changed(folder, file, change, keep_null=False):
    path = tempfile.mkdtemp()
    for name in os.listdir(os.path.join(MODELS, folder)):
        shutil.copy(os.path.join(MODELS, folder, name), path)
    full = os.path.join(path, file)
    with open(full, encoding="utf-8") as f:
        values = json.load(f)
    for key, value in change.items():
        if value is None and not keep_null:
            values.pop(key, None)
        else:
            values[key] = value
    with open(full, "w", encoding="utf-8") as f:
        json.dump(values, f)
    return path


def pixels(folder, change, picture, null):
    path = changed(folder, "preprocessor_config.json", change, null)
    row = {"folder": folder, "picture": PICTURES + picture, "change": change, "null": null}
    try:
        image = Image.open(os.path.join(ROOT, PICTURES + picture))
        if "qwen" in folder:
            image = to_rgb(image)
            h, w = smart_resize(image.height, image.width, 4 * 28 * 28, 16384 * 28 * 28)
            image = image.resize((w, h))
        out = AutoImageProcessor.from_pretrained(path)(images=[image], return_tensors="np")["pixel_values"]
        row["shape"] = list(out.shape)
        row["sha256"] = hashlib.sha256(np.ascontiguousarray(out, dtype=np.float32).tobytes()).hexdigest()
    except Exception as error:  # whatever it is: the library cannot
        row["raises"] = type(error).__name__
    shutil.rmtree(path)
    return row


def tap(folder, change, nested):
    def all_of(model):
        return model.language_model.model.layers if hasattr(model, "language_model") else model.model.layers

    with open(os.path.join(MODELS, folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    (config["text_config"] if nested else config).update(change)
    path = changed(folder, "config.json", config, True)
    model = AutoModelForImageTextToText.from_pretrained(path, torch_dtype=torch.float32, attn_implementation="eager").eval()
    ids = AutoTokenizer.from_pretrained(path)(TEXT, return_tensors="pt")["input_ids"]
    seen = []
    for layer in all_of(model):
        layer.self_attn.o_proj.register_forward_pre_hook(lambda _, given: seen.append(given[0][0, -1].tolist()))
    with torch.no_grad():
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    shutil.rmtree(path)
    return {"folder": folder, "text": TEXT, "theta": change["rope_theta"], "tap": [float("%.7g" % v) for row in seen for v in row]}


def main():
    rows = []
    for folder, own in (("report-llava", LLAVA), ("report-qwen2-vl", QWEN)):
        for change in BOTH + own:
            rows.append(pixels(folder, change, "140x196.png", False))
        for change in NULLS:
            rows.append(pixels(folder, change, "140x196.png", True))
        rows.append(pixels(folder, {"do_rescale": False}, "60x90-rgba.png", False))
    taps = [tap(f, {"rope_theta": t}, nested) for f, nested in (("report-llava", True), ("report-qwen2-vl", False)) for t in (1000000.0, 500.0)]
    out = os.path.join(ROOT, "golden", "keys", "forms.json")
    with open(out, "w", encoding="utf-8") as f:
        f.write('{"pixels": [\n' + ",\n".join(json.dumps(r) for r in rows) + '],\n"taps": [\n' + ",\n".join(json.dumps(r) for r in taps) + "]}\n")
    print(f"{out}: {len(rows)} pictures, {len(taps)} taps", file=sys.stderr)


if __name__ == "__main__":
    main()
