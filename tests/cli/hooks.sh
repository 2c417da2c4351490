#!/bin/sh
# savs diff against another program's dumps: golden/hooks/ (tools/dump_hooks.py on PyTorch's modules, as they
# are and with one mistake put in). What is float noise, which stage is the first real difference, whose names
# are other names: docs/BACKENDS.md.
. tests/cli/lib

dump() { # dump OUT MODEL MESSAGES options...
    to=$1 folder=$2 messages=$3
    shift 3
    expect 0 '' dump --engine exact --quiet --model "golden/models/$folder" \
        --messages "golden/$messages.messages.json" --out "$scratch/$to.safetensors" "$@"
}
dump qwen qwen2.5-vl qwen_vl/v25-20x30
dump qwen-bf16 qwen2.5-vl qwen_vl/v25-20x30 --dtype bf16
dump windows qwen2.5-vl qwen_vl/v25-140x196
dump llava t70 llava/t70-49x61

says() { check "a line with \"$1\"" grep -qF -- "$1" "$scratch/out"; }
against() { # against CODE OURS CASE options...
    code=$1 ours=$2 theirs=$3
    shift 3
    silent=1
    expect "$code" '' diff "$scratch/$ours.safetensors" "golden/hooks/$theirs.safetensors" "$@"
    silent=''
}

# A right port: noise, and with a limit and the common stages alone exit 0. In either order of files.
for pair in qwen:eager qwen:sdpa qwen-bf16:bf16 qwen-bf16:bf16-sdpa qwen:bf16 qwen:v5-qwen llava:v5-llava; do
    against 1 "${pair%:*}" "${pair#*:}"
    says 'float noise only (largest rel-L2 '
    silent=1
    expect 1 '' diff "golden/hooks/${pair#*:}.safetensors" "$scratch/${pair%:*}.safetensors"
    silent=''
    says 'float noise only (largest rel-L2 '
done
for pair in qwen:eager qwen:sdpa qwen:v5-qwen llava:v5-llava; do
    against 0 "${pair%:*}" "${pair#*:}" --common --max-rel-l2 1e-5
    says 'common stages; largest '
    against 1 "${pair%:*}" "${pair#*:}" --max-rel-l2 1e-5 # the others count
done
against 0 qwen-bf16 bf16 --common --max-rel-l2 1e-2
against 1 qwen-bf16 bf16 --common --max-rel-l2 1e-4
says ' within'
says ' OUT'
# lm_head of the last token against all rows, [1, T, D] against [T, D]
against 1 qwen eager --common
says '[1, 384] F32, last row of [1, 40, 384] F32'
says 'model.norm.output                                          [40, 48] F32 '
# names
against 1 llava v5-llava
says "names: 9 stages matched, reading A's language_model.model.* as model.*; B's model.vision_tower.* as "
against 1 qwen v5-qwen
says "reading B's model.language_model.* as model.*, model.visual.* as visual.*"

# One mistake each: the stage that shows it
mistake() { # mistake OURS CASE STAGE [words before]
    against 1 "$1" "$2"
    says "${4:-all differences before $3 are float noise (largest rel-L2 }"
    says "first real one: $3, "
    against 1 "$1" "$2" --common --max-rel-l2 1e-5
    says "first that differs: $3"
}
decoder=model.layers.0.self_attn.o_proj.input
mistake qwen gelu-tanh visual.merger.mlp.1.output
mistake windows window-order visual.output
mistake qwen kv-order $decoder
mistake qwen mrope-swapped $decoder
says 'only in A: ' # position_ids among them
mistake qwen mrope-swapped-positions position_ids 'no float noise'
mistake qwen eps model.layers.0.post_attention_layernorm.output
mistake qwen theta $decoder
mistake qwen rope-pairs visual.blocks.0.attn.proj.input
mistake llava llava-gelu-tanh multi_modal_projector.act.output
mistake llava llava-newline inputs_embeds
against 1 qwen mrope-swapped
says 'position_ids stands in A only'

# For programs
against 1 qwen gelu-tanh --json
says '"first_real":"visual.merger.mlp.1.output"'
says '"noise":true'
against 1 qwen eager --json
says '"first_real":null'

# Nothing in common is trouble, not equality; --common is for dumps
expect 0 '' dump --engine exact --quiet --model golden/models/t70 \
    --messages golden/llava/t70-49x61.messages.json --out "$scratch/projector.safetensors" \
    --stages 'multi_modal_projector.*'
expect 2 'no stage in common' diff "$scratch/projector.safetensors" golden/hooks/theta.safetensors --common
check 'nor is it called equal' [ "$(grep -c equal "$scratch/out")" -eq 0 ]
says 'expected module paths of transformers'
silent=1
expect 1 '' diff "$scratch/projector.safetensors" golden/hooks/theta.safetensors
silent=''
says 'expected module paths of transformers'

# Files of other tools are named, with how to write the right one
odd() { # odd WHAT HINT: the file is on standard input
    cat >"$scratch/odd"
    expect 2 "$1" diff "$scratch/odd" golden/hooks/theta.safetensors
    check "the hint of $1" grep -qF "$2" "$scratch/err"
}
printf 'PK\003\004 and more bytes' | odd 'zip archive' safetensors.torch.save_file
printf '\200\002}q and more bytes' | odd pickle safetensors.torch.save_file
printf '\223NUMPY\001\000v\000{ and more bytes' | odd 'NumPy array' safetensors.numpy.save_file
printf '\037\213\010 and more bytes' | odd gzip 'gzip -d'

# The page shows the script as it is
sed -n '/^```python$/,/^```$/p' docs/BACKENDS.md | sed '1d; $d' >"$scratch/script.py"
check 'docs/BACKENDS.md shows tools/dump_hooks.py' cmp "$scratch/script.py" tools/dump_hooks.py
report 'cli hooks'
