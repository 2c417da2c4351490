#!/bin/sh
# savs quantize and the int8 engine: from a folder to predictions; and folders that are not what they say.
. tests/cli/lib
needs_pictures 'cli int8'

tiny=data/tiny-llava-onevision
replace() { # replace FILE FROM TO: the same number of bytes, anywhere in a binary file
    LC_ALL=C sed "s/$2/$3/g" "$1" >"$scratch/edited" && cp "$scratch/edited" "$1"
}
has() { grep -qF -- "$1" "$scratch/out"; }

# ---- the folder ----
int8=$scratch/int8
expect 0 '' quantize --quiet --model $tiny --out "$int8"
check 'quantize says what it did' has '68 matrices in groups of 128'
check 'the tokenizer is copied' cmp -s $tiny/tokenizer.json "$int8/tokenizer.json"
check 'nothing is left behind' no_leftovers "$int8"
check 'the folder is smaller' [ "$(wc -c <"$int8/model.safetensors")" \
    -lt "$(($(wc -c <$tiny/model.safetensors) * 2 / 3))" ]
expect 0 '' info --model "$int8" --verify
check 'info says so' has 'int8, 128 weights share a scale'
check 'info runs with int8' has 'engine int8'
expect 0 '' info --model "$int8" --json --isa c
check 'an ISA alone is enough' has '"engine":"int8","isa":"c"'
$limit "$savs" quantize --quiet --threads 1 --model $tiny --out "$scratch/again" >/dev/null 2>&1
check 'threads change no byte' cmp -s "$int8/model.safetensors" "$scratch/again/model.safetensors"
expect 0 '' quantize --quiet --model $tiny --out "$scratch/vision" --vision bf16 --group 32 --json
check 'the tower can stay' has '"group":32,"matrices":42,'
expect 0 '' quantize --quiet --model $shards --out "$scratch/sharded"
check 'shards keep their names' [ -s "$scratch/sharded/model-00002-of-00003.safetensors" ]
expect 0 '' info --model "$scratch/sharded" --verify
for family in qwen2-vl qwen2.5-vl t70-lmms; do
    expect 0 '' quantize --quiet --model golden/models/$family --out "$scratch/$family"
    expect 0 '' info --model "$scratch/$family"
done

# ---- the main job with it: heads and predictions beside the float32 engine's ----
head -n 60 data/demo/textures/train.jsonl >"$scratch/train.jsonl"
head -n 40 data/demo/textures/test.jsonl >"$scratch/test.jsonl"
for kind in int8 float; do
    folder=$int8
    [ $kind = int8 ] || folder=$tiny
    expect 0 '' run --quiet --model "$folder" --train "$scratch/train.jsonl" --test "$scratch/test.jsonl" \
        --out "$scratch/run-$kind" --image-root data/demo/textures
done
silent=1 expect 1 '' diff "$scratch/run-float/sav.safetensors" "$scratch/run-int8/sav.safetensors" --json
common=$(sed -n 's/.*"heads_common":\([0-9]*\).*/\1/p' "$scratch/out")
check "17 of 20 heads at least are the float32 run's ($common)" [ "${common:-0}" -ge 17 ]
same=$(paste -d'|' "$scratch/run-float/predictions.jsonl" "$scratch/run-int8/predictions.jsonl" |
    sed 's/.*"prediction":\("[^"]*"\).*|.*"prediction":\("[^"]*"\).*/\1 \2/' | awk '$1 == $2' | wc -l)
# those that differ are near ties
check "32 of 40 predictions at least are the float32 run's ($same)" [ "$same" -ge 32 ]
expect 0 '' run --quiet --model "$int8" --isa c --threads 2 --train "$scratch/train.jsonl" \
    --test "$scratch/test.jsonl" --out "$scratch/run-c" --image-root data/demo/textures
check 'ISAs agree to the bit' cmp -s "$scratch/run-int8/predictions.jsonl" "$scratch/run-c/predictions.jsonl"

# ---- wrong engine, wrong folder ----
expect 1 'int8 weights, which the exact engine cannot read' info --model "$int8" --engine exact
expect 1 'expects a folder of savs quantize' info --model $tiny --engine int8
expect 1 'int8 weights already' quantize --model "$int8" --out "$scratch/twice"
expect 1 'expected a new or an empty folder' quantize --model $tiny --out "$int8"
expect 2 '--out DIR' quantize --model $tiny
expect 2 'bf16|int8' quantize --model $tiny --out "$scratch/x" --vision f32
expect 2 '32|64|128' quantize --model $tiny --out "$scratch/x" --group 48
expect 2 '--dtype bf16' info --model "$int8" --engine int8 --dtype bf16
expect 1 'found no folder' quantize --model "$scratch/nowhere" --out "$scratch/x"

# ---- folders that lie ----
copy_model "$int8" version; replace "$model/config.json" '"version": 1' '"version": 2'
expect 1 'config.json: found version 2 of the savs_int8 format; expected 1' info --model "$model"
copy_model "$int8" shard-version; replace "$model/model.safetensors" '"savs_int8":"1"' '"savs_int8":"7"'
expect 1 'model.safetensors: found version 7' info --model "$model"
copy_model "$int8" no-version; replace "$model/model.safetensors" '"savs_int8":"1"' '"savs_intx":"1"'
expect 1 'no metadata savs_int8' info --model "$model"
copy_model "$int8" no-config; cp $tiny/config.json "$model/config.json"
expect 1 'found savs_int8 weights' info --model "$model"
copy_model "$int8" group; replace "$model/config.json" '"group_size": 128' '"group_size": 100'
expect 1 'found 100; expected 32, 64 or 128' info --model "$model"
copy_model "$int8" other-group; replace "$model/config.json" '"group_size": 128' '"group_size": 32'
expect 1 '_scale: found F32' info --model "$model"
copy_model "$int8" method; replace "$model/config.json" savs_int8 savs_int4
expect 1 'found method savs_int4' info --model "$model"
copy_model "$int8" dtype; replace "$model/model.safetensors" '"dtype":"U8"' '"dtype":"I8"'
expect 1 'found I8' info --model "$model"
copy_model "$int8" no-scales; replace "$model/model.safetensors" 'q_proj.weight_scale' 'q_proj.weight_scalf'
expect 1 'q_proj.weight_scale is missing' info --model "$model"
copy_model "$int8" cut; head -c 1000000 "$int8/model.safetensors" >"$model/model.safetensors"
expect 1 model.safetensors info --model "$model"
expect 1 'found savs_int8 weights' quantize --model "$scratch/no-config" --out "$scratch/x"
check 'nothing was written' [ ! -e "$scratch/x" ]

report 'cli int8'
