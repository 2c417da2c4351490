#!/bin/sh
# savs dump and savs diff: equal to the oracle's golden; one changed weight found, the first stage that
# differs named.
. tests/cli/lib

dump() { # dump MODEL OUT options...
    model_folder=$1 to=$2
    shift 2
    expect 0 '' dump --engine exact --quiet --model "$model_folder" \
        --messages golden/qwen2/window.messages.json \
        --prompt golden/qwen2/window.prompt.txt --out "$to" "$@"
}

dump $qwen "$scratch/a.safetensors"
expect 0 '' diff golden/qwen2/window.exact.safetensors "$scratch/a.safetensors"
dump $qwen "$scratch/b.safetensors" --threads 2
check 'the same bytes at two threads' cmp -s "$scratch/a.safetensors" "$scratch/b.safetensors"
expect 0 '' diff "$scratch/a.safetensors" "$scratch/b.safetensors" --truth golden/qwen2/window.f64.safetensors

# The last weight of the file changed: its last byte is the top of a number
copy_model $qwen changed
size=$(wc -c <"$model/model.safetensors")
printf '\103' | dd of="$model/model.safetensors" bs=1 seek=$((size - 1)) conv=notrunc 2>/dev/null
dump "$model" "$scratch/c.safetensors"
silent=1
expect 1 '' diff golden/qwen2/window.exact.safetensors "$scratch/c.safetensors"
silent=''
check 'the first stage that differs' grep -q 'first that differs: model.norm.output' "$scratch/out"

# The oracle's own dump of a model with one weight doubled
silent=1
expect 1 '' diff golden/llava/t70-text.exact.safetensors golden/changed/t70-text.exact.safetensors
silent=''
check 'the first stage that differs' \
    grep -q 'first that differs: language_model.model.layers.1.mlp.gate_proj.output' "$scratch/out"

# Trouble is 2
expect 2 'none.safetensors' diff "$scratch/none.safetensors" "$scratch/a.safetensors"
expect 2 'lib' diff tests/cli/lib "$scratch/a.safetensors"
head -c 1000 "$scratch/a.safetensors" >"$scratch/short.safetensors"
expect 2 'short.safetensors' diff "$scratch/a.safetensors" "$scratch/short.safetensors"
expect 2 '' diff "$scratch/a.safetensors" "$scratch" # a folder that is no store

# Stages by name
expect 0 '' dump --engine exact --quiet --model $qwen --messages golden/qwen2/window.messages.json \
    --out "$scratch/d.safetensors" --stages 'sav.tap,model.layers.0*'
check 'fewer stages make a smaller file' [ "$(wc -c <"$scratch/d.safetensors")" \
    -lt "$(wc -c <"$scratch/a.safetensors")" ]
report 'cli diff'
