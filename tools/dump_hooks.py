"""The stages of a Hugging Face model, for `savs diff` (docs/BACKENDS.md): python dump_hooks.py MODEL DUMP OUT DTYPE [GLOB...]
DUMP: what `savs dump` wrote of the prompt. Its ids and pixels go into the model, so that the graphs alone are compared."""
import fnmatch, inspect, json, sys
import torch, transformers
from safetensors.torch import load_file, save_file

folder, dump, out, dtype, *globs = sys.argv[1:]
model = transformers.AutoModelForImageTextToText.from_pretrained(
    folder, torch_dtype=getattr(torch, dtype), attn_implementation="eager")
inputs = {k: v for k, v in load_file(dump).items() if k in ("input_ids", "pixel_values", "image_grid_thw", "image_sizes")}
inputs["input_ids"] = inputs["input_ids"][None]  # a batch of one
if "mm_token_type_ids" in inspect.signature(model.forward).parameters:  # transformers 5: without them, positions are of text
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).int()
stages = {}  # in the order of the forward

def keep(name, value):
    value = getattr(value, "pooler_output", value)  # what a tower of transformers 5 hands on
    value = value[0] if isinstance(value, (tuple, dict)) else value
    if isinstance(value, torch.Tensor) and any(fnmatch.fnmatch(name, glob) for glob in globs or "*"):
        stages.setdefault(name, value.detach().cpu().clone().contiguous())

for name, module in model.named_modules():
    def before(_, args, kwargs, name=name):
        for key in {*inputs, "position_ids", "inputs_embeds"} & {*kwargs} if "vision" not in name else (): keep(key, kwargs[key])
        if name.endswith(("o_proj", "out_proj", "attn.proj", "down_proj")): keep(name + ".input", args)
    module.register_forward_pre_hook(before, with_kwargs=True)
    if name: module.register_forward_hook(lambda _, args, result, name=name: keep(name + ".output", result))
with torch.no_grad():
    model.eval()(**inputs)
save_file(stages, out, {"savs": json.dumps({"format": 1, "engine": "torch", "dtype": dtype, "stages": list(stages)})})
