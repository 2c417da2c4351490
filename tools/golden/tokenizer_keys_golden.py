"""golden/text/tokenizer_keys.json: ids that transformers 4.51.3 gives when one key of a folder's tokenizer files changes.

    python tools/golden/tokenizer_keys_golden.py

Each case is an edit of a text file of golden/models/report-qwen2-vl: the first FIND becomes REPLACE ("" for FIND: the file is
REPLACE as a whole). `ids`: AutoTokenizer's, null where the library refuses the folder. tests/text/test_tokenizer_keys.c makes
the same edits and wants equal ids, or a refusal that names the key, where its own list says so.
"""
import json
import os
import shutil
import tempfile
import warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.simplefilter("ignore")
from transformers import AutoTokenizer  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "golden")
TEXT = "see <point>12 34</point> <|im_start|>user\n Hi  THERE <|im_end|> <|custom|>\u0301 e\u0301<|image_pad|>"
CONFIG, TOKENIZER, MAP, ADDED = "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json"
HEAD = '"unk_token": null,'  # a place in tokenizer_config.json where more keys may stand
POINT = '{"__type": "AddedToken", "content": "<point>", "lstrip": true, "rstrip": false, "normalized": false, "single_word": false, "special": true}'
OLDER = (CONFIG, '"added_tokens_decoder"', '"was_decoder"')


def config(**keys):
    """One more key in tokenizer_config.json, or another value of one that is there."""
    ((key, value),) = keys.items()
    return [(CONFIG, HEAD, '%s "%s": %s,' % (HEAD, key, value if isinstance(value, str) else json.dumps(value)))]


CASES = {
    "plain": [],
    "add_bos_token": config(add_bos_token=True),
    "add_bos_token false": config(add_bos_token=False),
    "add_eos_token": config(add_eos_token=True),
    "add_prefix_space": config(add_prefix_space=True),
    "split_special_tokens": config(split_special_tokens=True),
    "split_special_tokens false": config(split_special_tokens=False),
    "do_lower_case": config(do_lower_case=True),
    "clean_up_tokenization_spaces": [(CONFIG, '"clean_up_tokenization_spaces": false', '"clean_up_tokenization_spaces": true')],
    "errors": config(errors='"ignore"'),
    "model_max_length": config(model_max_length=4),
    "padding_side": config(padding_side='"left"'),
    "truncation_side": config(truncation_side='"left"'),
    "max_length": config(max_length=3),
    "truncation": config(truncation=True),
    "stride": config(stride=3),
    "padding": config(padding='"max_length"'),
    "pad_to_multiple_of": config(pad_to_multiple_of=8),
    "return_tensors": config(return_tensors='"pt"'),
    "use_fast": config(use_fast=False),
    "legacy": config(legacy=False),
    "backend": config(backend='"tokenizers"'),
    "is_local": config(is_local=True),
    "name_or_path": config(name_or_path='"/x"'),
    "processor_class": config(processor_class='"OtherProcessor"'),
    "vocab_file": config(vocab_file='"/x/vocab.json"'),
    "tokenizer_file": config(tokenizer_file='"/x/tokenizer.json"'),
    "add_special_tokens": config(add_special_tokens=False),
    "from_slow": config(from_slow=True),
    "tokenizer_class Qwen2TokenizerFast": [(CONFIG, '"Qwen2Tokenizer"', '"Qwen2TokenizerFast"')],
    "tokenizer_class PreTrainedTokenizerFast": [(CONFIG, '"Qwen2Tokenizer"', '"PreTrainedTokenizerFast"')],
    "tokenizer_class LlamaTokenizer": [(CONFIG, '"Qwen2Tokenizer"', '"LlamaTokenizer"')],
    "pad_token": [(CONFIG, '"pad_token": "<|endoftext|>"', '"pad_token": "<|custom|>"')],
    "pad_token null": [(CONFIG, '"pad_token": "<|endoftext|>"', '"pad_token": null')],
    "unk_token": [(CONFIG, '"unk_token": null', '"unk_token": "<|custom|>"')],
    "bos_token": config(bos_token='"<point>"'),
    "mask_token": config(mask_token='"<point>"'),
    "eos_token of an object": [(CONFIG, '"eos_token": "<|im_end|>"', '"eos_token": ' + POINT)],
    "additional_special_tokens": config(additional_special_tokens=["<point>", "<|custom|>"]),
    "additional_special_tokens of objects": config(additional_special_tokens="[%s]" % POINT),
    "extra_special_tokens": config(extra_special_tokens={"point_token": "<point>", "point_end_token": "</point>"}),
    "extra_special_tokens of objects": config(extra_special_tokens='{"point_token": %s}' % POINT),
    "extra_special_tokens that is there": config(extra_special_tokens={"image_token": "<|image_pad|>"}),
    "extra_special_tokens behind others": [
        (CONFIG, HEAD, HEAD + ' "extra_special_tokens": {"a": "<point>", "b": "</point>", "c": "<point>"}, "mask_token": "THERE",')
    ],
    "extra_special_tokens behind additional ones": [
        (CONFIG, HEAD, HEAD + ' "extra_special_tokens": {"a": "<point>"}, "additional_special_tokens": ["<|custom|>"],')
    ],
    "extra_special_tokens of another placeholder": config(extra_special_tokens={"image_token": "<point>"}),
    "extra_special_tokens {}": config(extra_special_tokens={}),
    "extra_special_tokens of a list": config(extra_special_tokens=["<point>"]),
    "extra_special_tokens of numbers": config(extra_special_tokens={"point": 3}),
    "model_specific_special_tokens": config(model_specific_special_tokens={"point": "<point>"}),
    "image_token": config(image_token='"<|custom|>"'),
    "another *_token": config(point_token='"<point>"'),
    "another norm": config(unicode_normalizer='"NFKC"'),
    "a decoder's lstrip": [(CONFIG, '"content": "<|im_end|>",\n   "single_word": false,\n   "lstrip": false', '"content": "<|im_end|>",\n   "single_word": false,\n   "lstrip": true')],
    "a decoder's new token": [(CONFIG, '"added_tokens_decoder": {', '"added_tokens_decoder": { "273": %s,' % POINT)],
    "older: pad_token of the map": [OLDER, (MAP, "", '{"pad_token": "<point>"}')],
    "older: additional_special_tokens of the map": [OLDER, (MAP, "", '{"additional_special_tokens": ["<point>"]}')],
    "older: split_special_tokens of the map": [OLDER, (MAP, "", '{"split_special_tokens": true}')],
    "older: extra_special_tokens of the map": [OLDER, (MAP, "", '{"extra_special_tokens": {"point": "<point>"}}')],
    "older: another *_token of the map": [OLDER, (MAP, "", '{"point_token": "<point>"}')],
    "older: added_tokens.json": [OLDER, (ADDED, "", '{"<point>": 273}')],
    "the map beside a decoder": [(MAP, "", '{"additional_special_tokens": ["<point>"], "split_special_tokens": true}')],
    "added_tokens.json beside a decoder": [(ADDED, "", '{"<point>": 273}')],
    "tokenizer.json: truncation": [(TOKENIZER, '"truncation":null', '"truncation":{"direction":"Right","max_length":5,"strategy":"LongestFirst","stride":0}')],
    "tokenizer.json: version": [(TOKENIZER, '"version":"1.0"', '"version":"2.0"')],
    "tokenizer.json: another key": [(TOKENIZER, '"truncation":null', '"truncation":null,"more":1')],
    "tokenizer.json: no normalizer": [(TOKENIZER, '"normalizer":{"type":"NFC"}', '"normalizer":null')],
    "tokenizer.json: add_prefix_space": [(TOKENIZER, '"add_prefix_space":false', '"add_prefix_space":true')],
    "tokenizer.json: trim_offsets": [(TOKENIZER, '"trim_offsets":true', '"trim_offsets":false')],
    "tokenizer.json: post_processor": [(TOKENIZER, '"post_processor":null', '"post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}')],
    "tokenizer.json: a template": [(TOKENIZER, '"post_processor":null', '"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|endoftext|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{"<|endoftext|>":{"id":"<|endoftext|>","ids":[266],"tokens":["<|endoftext|>"]}}}')],
    "tokenizer.json: fuse_unk": [(TOKENIZER, '"fuse_unk":false', '"fuse_unk":true')],
    "tokenizer.json: lstrip, older": [OLDER, (TOKENIZER, '"content":"<|im_end|>","single_word":false,"lstrip":false', '"content":"<|im_end|>","single_word":false,"lstrip":true')],
}


def ids_of(edits):
    with tempfile.TemporaryDirectory() as folder:
        for name in (CONFIG, TOKENIZER, "config.json"):
            shutil.copyfile(os.path.join(ROOT, "models/report-qwen2-vl", name), os.path.join(folder, name))
        for name, find, replace in edits:
            path = os.path.join(folder, name)
            text = replace
            if find:
                with open(path, encoding="utf-8") as f:
                    text = f.read()
                assert find in text, find
                text = text.replace(find, replace, 1)
            json.loads(text)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        try:
            return AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"]
        except Exception as error:  # whatever it is: the library does not open the folder
            print("refused:", type(error).__name__, edits)
            return None


def main():
    cases = [{"name": name, "edits": [list(e) for e in edits], "ids": ids_of(edits)} for name, edits in CASES.items()]
    with open(os.path.join(ROOT, "text/tokenizer_keys.json"), "w", encoding="utf-8") as f:
        f.write(json.dumps({"text": TEXT, "cases": cases}, ensure_ascii=False).replace('{"name"', '\n{"name"') + "\n")


if __name__ == "__main__":
    main()
