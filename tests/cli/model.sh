#!/bin/sh
# Damaged model folders: each complaint names the file, and the tensor, key or line at fault.
. tests/cli/lib

messages=golden/qwen2/window.messages.json
use() { # use CODE PART: a forward with the damaged copy
    expect "$1" "$2" dump --engine exact --quiet --model "$model" --messages $messages \
        --out "$scratch/dump.safetensors"
}
replace() { # replace FILE FROM TO: the same number of bytes, anywhere in a binary file
    LC_ALL=C sed "s/$2/$3/g" "$1" >"$scratch/edited" && cp "$scratch/edited" "$1"
}
header() { # header FILE JSON DATA-BYTES: a safetensors file of this header
    length=$(printf '%s' "$2" | wc -c)
    octal=$(printf '\\%03o\\%03o' $((length % 256)) $((length / 256)))
    # shellcheck disable=SC2059 # the format is the bytes
    { printf "$octal\\0\\0\\0\\0\\0\\0"; printf '%s' "$2"; head -c "$3" /dev/zero; } >"$1"
}

# ---- the folder ----
model=$scratch/nowhere
use 1 nowhere
model=tests/cli/lib
use 1 tests/cli/lib
mkdir "$scratch/empty"
model=$scratch/empty
use 1 config.json
copy_model $qwen no-weights; rm "$model/model.safetensors"
use 1 model.safetensors
copy_model $qwen no-tokenizer; rm "$model/vocab.json"
use 1 tokenizer.json

# ---- config.json ----
copy_model $qwen bad-json; printf '{\n  "hidden_size": 48,\n  oops\n}\n' >"$model/config.json"
use 1 config.json:3:3
copy_model $qwen family
replace "$model/config.json" '"qwen2"' '"mamba"'
replace "$model/config.json" Qwen2ForCausalLM MambaForCausalL
use 1 MambaForCausalL
check 'an unknown architecture: the known ones are listed' grep -q Qwen2ForCausalLM "$scratch/err"
copy_model $qwen width; replace "$model/config.json" '"hidden_size": 48' '"hidden_size": 64'
use 1 model.safetensors
copy_model $qwen zero; replace "$model/config.json" '"num_attention_heads": [0-9]*' '"num_attention_heads": 0'
use 1 config.json
copy_model $qwen negative; replace "$model/config.json" '"num_hidden_layers": [0-9]*' \
    '"num_hidden_layers": -1'
use 1 num_hidden_layers
copy_model $qwen huge; replace "$model/config.json" '"vocab_size": [0-9]*' '"vocab_size": 9223372036854775807'
use 1 ''
copy_model $qwen text; replace "$model/config.json" '"hidden_size": 48' '"hidden_size": "48"'
use 1 hidden_size
copy_model $qwen short-context; replace "$model/config.json" '"max_position_embeddings": [0-9]*' \
    '"max_position_embeddings": 4'
use 1 max_position_embeddings

# ---- tensors ----
copy_model $qwen unknown-tensor
replace "$model/model.safetensors" 'layers.0.self_attn.q_proj.weight' 'layers.0.self_attn.q_prox.weight'
use 1 q_pro
copy_model $qwen dtype; replace "$model/model.safetensors" '"F16"' '"I16"'
use 1 I16
copy_model $shards no-shard; rm "$model/model-00002-of-00003.safetensors"
use 1 model-00002-of-00003.safetensors
copy_model $shards leaves; replace "$model/model.safetensors.index.json" 'model-00002-of' '..\/..\/x-002-of'
use 1 model.safetensors.index.json
copy_model $shards absolute
replace "$model/model.safetensors.index.json" 'model-00002-of' '\/tmp\/x-00002-of'
use 1 model.safetensors.index.json
copy_model $shards index-json; printf '{"weight_map": [' >"$model/model.safetensors.index.json"
use 1 model.safetensors.index.json:1:

# ---- lying safetensors headers ----
copy_model $qwen cut; head -c 60000 "$qwen/model.safetensors" >"$model/model.safetensors"
use 1 model.safetensors
copy_model $qwen tiny; printf '123' >"$model/model.safetensors"
use 1 model.safetensors
copy_model $qwen none; : >"$model/model.safetensors"
use 1 model.safetensors
copy_model $qwen long-header; printf '\377\377\377\377\377\377\377\177{}' >"$model/model.safetensors"
use 1 model.safetensors
file=$model/model.safetensors
one='"dtype":"F32","shape":[1],"data_offsets"' two='"dtype":"F32","shape":[2],"data_offsets"'
header "$file" "{\"a\":{$two:[0,8]},\"b\":{$two:[4,12]}}" 12
use 1 model.safetensors # overlap
header "$file" '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' 4
use 1 model.safetensors # past the end
header "$file" '{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}}' 8
use 1 model.safetensors # 2^63 elements
header "$file" '{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}' 8
use 1 model.safetensors
header "$file" '{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}' 8
use 1 model.safetensors
header "$file" "{\"a\":{$one:[0,4]},\"a\":{$one:[4,8]}}" 8
use 1 model.safetensors # one name twice
header "$file" '{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]' 0
use 1 model.safetensors # deep
header "$file" '{"a\u0007b":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}' 12
use 1 model.safetensors
if LC_ALL=C grep -q "$(printf '\a')" "$scratch/err"; then
    fail 'a control character from a file reached the terminal'
else
    pass
fi
rm "$file"; mkdir "$file"
use 1 model.safetensors
rm -r "$file"; mkfifo "$file"
use 1 model.safetensors

# ---- tokenizers ----
copy_model $qwen merge; printf '#version: 0.2\nqqqq zzzz\n' >"$model/merges.txt"
use 1 merges.txt
copy_model $qwen vocab; printf '{"a": 0, "a": 1' >"$model/vocab.json"
use 1 vocab.json
copy_model $shards tokenizer; head -c 2000 "$shards/tokenizer.json" >"$model/tokenizer.json"
use 1 tokenizer.json
copy_model $shards wordpiece; printf '{"model": {"type": "WordPiece", "vocab": {}}}' >"$model/tokenizer.json"
use 1 tokenizer.json

check 'nothing was written' [ ! -e "$scratch/dump.safetensors" ]
# ---- a tower whose sizes no machine has: the key is named before anything is made of it ----
for value in 9223372036854775807 16777217 4611686018427387904; do
    copy_model golden/models/qwen2-vl wide
    sed "s/\"embed_dim\": [0-9]*/\"embed_dim\": $value/" "$model/config.json" >"$scratch/config.json"
    cp "$scratch/config.json" "$model/config.json"
    expect 1 "\"embed_dim\": found $value" info --model "$model"
done
for value in 1e300 64 0 -1; do
    copy_model golden/models/qwen2-vl wide
    sed "s/\"mlp_ratio\": [0-9.]*/\"mlp_ratio\": $value/" "$model/config.json" >"$scratch/config.json"
    cp "$scratch/config.json" "$model/config.json"
    expect 1 '"mlp_ratio": found' info --model "$model"
done

report 'cli model'
