"""golden/keys/VERSION.txt: every key that the installed transformers writes for the models that savs knows.

    python tools/golden/keys_golden.py        4.51.3 (tools/requirements.txt): make golden
    python tools/golden/keys_golden.py        a second time with another version installed: another file

A section a file and architecture, in it a line a key: its path, a tab, its default as JSON. The keys come from the classes: the four
config classes, the generation config, the image processors, and for each argument that a processor takes. 5.x also writes
golden/keys/VERSION/FOLDER.json: what that version makes of the config.json of a folder of golden/models/.
tests/models/test_library_keys.c gives each key a changed value.
"""
import inspect
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import transformers  # noqa: E402
from transformers import AutoConfig, GenerationConfig  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "golden", "keys")
FOLDERS = {
    "Qwen2ForCausalLM": ("Qwen2Config", "qwen2-window"),
    "LlavaOnevisionForConditionalGeneration": ("LlavaOnevisionConfig", "report-llava"),
    "Qwen2VLForConditionalGeneration": ("Qwen2VLConfig", "report-qwen2-vl"),
    "Qwen2_5_VLForConditionalGeneration": ("Qwen2_5_VLConfig", "qwen2.5-vl"),
}
PROCESSORS = {
    "LlavaOnevisionForConditionalGeneration": ("LlavaOnevisionImageProcessor", "LlavaOnevisionProcessor"),
    "Qwen2VLForConditionalGeneration": ("Qwen2VLImageProcessor", "Qwen2VLProcessor"),
    "Qwen2_5_VLForConditionalGeneration": ("Qwen2VLImageProcessor", "Qwen2_5_VLProcessor"),
}
# Objects whose members are keys; in others (id2label) they are data
LEVELS = {"text_config", "vision_config", "rope_scaling", "rope_parameters", "size"}


def plain(value):
    try:
        return json.dumps(value, separators=(",", ":"), default=lambda v: getattr(v, "value", str(v)))
    except TypeError:
        return "null"


def walk(values, path=""):
    for key in sorted(values):
        value = values[key]
        if key in LEVELS and isinstance(value, dict):
            yield from walk(value, path + key + ".")
        yield path + key, value


def by_name(name):
    found = getattr(transformers, name, None)
    if found is None:
        from transformers.models.qwen2_5_vl import configuration_qwen2_5_vl, processing_qwen2_5_vl

        found = getattr(configuration_qwen2_5_vl, name, None) or getattr(processing_qwen2_5_vl, name)
    return found


def image_processor(name):
    for form in (name, name + "Pil"):  # 5.x: the one that needs no torchvision
        try:
            made = by_name(form)()
            break
        except ImportError:
            continue
    keys = made.to_dict()
    # what the class takes beside: transformers 5 keeps any of it that a file says
    kwargs = getattr(made, "valid_kwargs", None)
    names = list(getattr(kwargs, "__annotations__", ())) + [n for c in getattr(kwargs, "__mro__", ()) for n in getattr(c, "__annotations__", ())]
    if kwargs is not None:
        from transformers.processing_utils import ImagesKwargs

        names += list(ImagesKwargs.__annotations__)
    names += [n for n in inspect.signature(type(made).__init__).parameters if n not in ("self", "args", "kwargs")]
    names += list(getattr(made, "_valid_processor_keys", ()))
    for name in names:
        if name not in ("images", "videos"):
            keys.setdefault(name, getattr(made, name, None))
    keys.setdefault("_valid_processor_keys", [])
    keys.setdefault("processor_class", "x")
    return keys


def main():
    version, lines = transformers.__version__, []
    for architecture, (config, folder) in FOLDERS.items():
        folder = os.path.join(ROOT, "golden", "models", folder)
        given = AutoConfig.from_pretrained(folder).to_dict()
        given["_name_or_path"] = "x"
        keys = dict(walk(by_name(config)().to_dict()))
        keys.update(walk(given))
        lines += [("config.json", architecture, path, value) for path, value in keys.items()]
        if int(version.split(".")[0]) >= 5:
            out = os.path.join(OUT, version)
            os.makedirs(out, exist_ok=True)
            with open(os.path.join(out, os.path.basename(folder) + ".json"), "w", encoding="utf-8") as f:
                json.dump(json.loads(AutoConfig.from_pretrained(folder).to_json_string()), f, indent=1, sort_keys=True)
                f.write("\n")
    lines += [("generation_config.json", "Qwen2ForCausalLM", path, value) for path, value in GenerationConfig().to_dict().items()]
    for architecture, (image, processor) in PROCESSORS.items():
        lines += [("preprocessor_config.json", architecture, path, value) for path, value in walk(image_processor(image))]
        taken = inspect.signature(by_name(processor).__init__).parameters
        for name, argument in taken.items():
            if name not in ("self", "args", "kwargs", "tokenizer"):
                value = None if argument.default is inspect.Parameter.empty else argument.default
                lines.append(("processor_config.json", architecture, name, value))
        lines.append(("processor_config.json", architecture, "processor_class", processor))
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, version + ".txt"), "w", encoding="utf-8") as f:
        section = None
        for file, architecture, path, value in sorted(set((a, b, c, plain(v)) for a, b, c, v in lines)):
            if section != (file, architecture):
                section = (file, architecture)
                f.write("[%s %s]\n" % section)
            f.write("%s\t%s\n" % (path, value if len(value) < 60 else "[]"))
    print(f"golden/keys/{version}.txt: {len(lines)} keys", file=sys.stderr)


if __name__ == "__main__":
    main()
