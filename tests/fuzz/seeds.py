"""The first seeds of tests/fuzz/corpus/: small files of the formats, made by hand. Needs Python alone.

    python tests/fuzz/seeds.py            with build/savs: also files as the program itself writes them

What a longer run finds beside them is merged in by `make fuzz MINUTES=n` (tests/fuzz/run).
"""
import json
import os
import struct
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "..", "golden", "models")


def put(topic, name, *parts):
    folder = os.path.join(HERE, "corpus", topic)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        for part in parts:
            f.write(part if isinstance(part, bytes) else part.encode())


def compact(folder, name):
    with open(os.path.join(MODELS, folder, name), encoding="utf-8") as f:
        return json.dumps(json.load(f), separators=(",", ":"), ensure_ascii=False)


def safetensors(tensors, metadata=None):
    """{name: (dtype, shape, bytes)} -> a file."""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def integers(*values):
    return struct.pack("<%di" % len(values), *values)


# ---- pictures: those of the golden that lead through each form of orientation, each end and a rough scan ----
with open(os.path.join(MODELS, "..", "image", "odd.safetensors"), "rb") as f:
    data = f.read()
start = 8 + struct.unpack("<Q", data[:8])[0]
tensors = json.loads(data[8:start])
for name in ("png/profile_packed", "png/profile_spaces", "png/xmp_packed", "png/xmp_and_exif_without", "png/exif_key_text",
             "png/animated_exif_before_frame_2", "png/adler_in_own_chunk", "png/empty_idats", "png_exif/signed_rational",
             "png_exif/double", "jpeg/exif_in_three_pieces", "jpeg/exif_then_xmp", "jpeg_end/gray_boundary",
             "jpeg_scans/gray16_3_of_6"):
    at = [start + i for i in tensors[name]["data_offsets"]]
    put("image", name.replace("/", "_"), data[at[0]:at[1]])

# ---- a model folder: the first byte is file * 4 + folder (fuzz_model.c) ----
FOLDERS = ["report-llava", "report-qwen2-vl", "qwen2.5-vl", "t70-lmms"]
for f, folder in enumerate(FOLDERS):
    put("model", "config-%d" % f, bytes([f]), compact(folder, "config.json"))
    if folder != "t70-lmms":
        put("model", "preprocessor-%d" % f, bytes([4 + f]), compact(folder, "preprocessor_config.json"))
put("model", "processor", bytes([8]), compact("report-llava", "processor_config.json"))
put("model", "generation", bytes([12 + 1]), '{"do_sample":true,"eos_token_id":[268,266],"repetition_penalty":1.05,"temperature":0.1}')
put("model", "tokenizer", bytes([16 + 1]), compact("report-qwen2-vl", "tokenizer_config.json"))
put("model", "template", bytes([28]), compact("report-llava", "chat_template.json"))
put("model", "jinja", bytes([32]), json.loads(compact("report-llava", "chat_template.json"))["chat_template"])
put("model", "index", bytes([36 + 1]), '{"metadata":{"total_size":1},"weight_map":{"model.norm.weight":"a.safetensors"}}')
put("model", "adapter", bytes([40]), '{"peft_type":"LORA"}')
v5 = json.loads(compact("report-qwen2-vl", "config.json"))
v5["rope_parameters"] = {"rope_type": "default", "rope_theta": v5.pop("rope_theta"), **v5.pop("rope_scaling")}
v5["dtype"] = v5.pop("torch_dtype")
put("model", "config-v5", bytes([1]), json.dumps(v5, separators=(",", ":")))
put("model", "preprocessor-size", bytes([4 + 1]), '{"size":{"shortest_edge":3136,"longest_edge":12845056},"do_resize":true,"do_rescale":true}')

# ---- tokenizer files ----
with open(os.path.join(HERE, "corpus", "tokenizer_json", sorted(os.listdir(os.path.join(HERE, "corpus", "tokenizer_json")))[0]), "rb") as f:
    small = f.read()
put("tokenizer_files", "config", b"\0", compact("report-qwen2-vl", "tokenizer_config.json"))
put("tokenizer_files", "config-older", bytes([64]), '{"eos_token":"ab","extra_special_tokens":{"p":"<p>"},"tokenizer_class":"Qwen2Tokenizer"}')
put("tokenizer_files", "map", b"\1", '{"additional_special_tokens":["<a>",{"content":"<b>","lstrip":true}],"pad_token":"<c>"}')
put("tokenizer_files", "added", b"\2", '{"<point>":273,"<|im_end|>":268}')
put("tokenizer_files", "json", b"\3", small)
put("tokenizer_files", "vocab", b"\4", '{"a":0,"b":1,"ab":2,"\u0120":3,"\u010a":4}')
put("tokenizer_files", "merges", b"\5", "#version: 0.2\na b\n\u0120 a\n")

# ---- weights ----
put("weights", "index", b"\0", '{"metadata":null,"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","d":"2.safetensors","lm_head":"1.safetensors"}}')
put("weights", "header", b"\1", '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}')
put("weights", "types", b"\1", '{"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},"e":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}}')

# ---- a classifier: 2 classes, 2 of 6 heads, d = 2 ----
put(
    "classifier",
    "small",
    safetensors(
        {
            "activations": ("F32", [2, 2, 2], floats(1, 0, 0, 1, -1, 0, 0, -1)),
            "top_heads": ("I32", [2, 2], integers(0, 1, 1, 2)),
            "head_scores": ("F32", [2, 3], floats(0.5, 1, 0.5, 0, 0, 1)),
            "class_counts": ("I32", [2], integers(3, 2)),
        },
        {"int_to_str": '{"0":"a","1":"b"}', "family": "qwen2", "engine": "exact", "dtype": "f32", "format_version": "1", "question": "What?"},
    ),
)

# ---- an int8 folder: config.json; a header as savs quantize writes it is found by mutation of this one ----
config = json.loads(compact("report-qwen2-vl", "config.json"))
config["quantization_config"] = {"quant_method": "savs_int8", "version": 1, "group_size": 32}
put("quantised", "config", b"\2", json.dumps(config, separators=(",", ":")))
put("quantised", "header", b"\1", '{"__metadata__":{"savs_int8":"1"},"model.norm.weight":{"dtype":"BF16","shape":[16],"data_offsets":[0,32]}}')

# ---- dumps ----
for side in range(4):
    put(
        "dump",
        "side-%d" % side,
        bytes([side]),
        safetensors(
            {
                "inputs_embeds": ("F32", [2, 2], floats(1, 2, 3, 4)),
                "model.layers.0.output": ("BF16", [2, 2], bytes(8)),
                "lm_head": ("F32", [1, 2, 3], floats(1, 2, 3, 9, 10, 11)),
                "input_ids": ("I64", [2], bytes(16)),
            },
            {"savs": '{"stages":["inputs_embeds","lm_head"],"engine":"exact","dtype":"f32","format":1}'} if side else None,
        ),
    )

# ---- a feature store: what `encode` writes is found from these ----
info = '{"format":1,"L":2,"H":2,"d":8,"family":"qwen2_vl","model":"m","model_sha256":"%s","engine":"exact","dtype":"f32"}\n' % ("0" * 64)
line = '{"row":0,"sample":"%s","question_id":null,"label":"a","image":null,"question":"red?","crc32":"%08x"}\n' % ("0" * 64, 0)
for where in (0, 3):
    put("store", "info-%d" % where, bytes([where]), info)
    put("store", "index-%d" % where, bytes([where + 1]), line, line.replace('"row":0', '"row":1'))
    put("store", "features-%d" % where, bytes([where + 2]), floats(*range(32)))

# ---- class folders, globs ----
put("class_folders", "classes", b"\7", "cat/1.png\ncat/2.png\ndog/1.jpg\nThumbs.db!\ncat/notes.txt!\n.hidden/1.png\ndog/inner/1.png\n")
put("class_folders", "pictures", b"\0", "1.png\n2.jpg\nreadme!\n")
put("class_folders", "names", b"\2", "\xff/1.png\n<image>/1.png\ngr\u00fcne Birne/1.png\n".encode("latin-1", "replace"))
put("globs", "one", b"model.layers.*.output\0model.layers.3.output")
put("globs", "several", b"sav.*,visual.blocks.?.attn*,*\0visual.blocks.0.attn.proj.output")

# ---- a store and an int8 folder as savs writes them: the models are those of the targets ----
SAVS = os.path.join(HERE, "..", "..", "build", "savs")
LIST = """{"question": "red?", "label": "a"}
{"question": "the hill", "label": "b"}
{"question": "north", "label": "a", "question_id": 7}
"""


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


if os.path.exists(SAVS):
    with tempfile.TemporaryDirectory() as scratch:
        model, store, int8 = os.path.join(MODELS, "report-qwen2-vl"), os.path.join(scratch, "s"), os.path.join(scratch, "int8")
        with open(os.path.join(scratch, "list"), "w", encoding="utf-8") as f:
            f.write(LIST)
        subprocess.run([SAVS, "encode", "--quiet", "--engine", "panel", "--model", os.path.relpath(model), "--input", f.name, "--store", store], check=True)
        for which, name in enumerate(["store.json", "index.jsonl", "features.f32"]):
            put("store", "whole-" + name, bytes([which]), read(store, name))
            put("store", "whole-ahead-" + name, bytes([3 + which]), read(store, name))
        subprocess.run([SAVS, "quantize", "--quiet", "--model", model, "--out", int8, "--group", "32"], check=True, stdout=subprocess.DEVNULL)
        weights = read(int8, "model.safetensors")
        put("quantised", "whole-config", bytes([2]), read(int8, "config.json"))
        put("quantised", "whole-header", bytes([3]), weights[8 : 8 + struct.unpack("<Q", weights[:8])[0]])
