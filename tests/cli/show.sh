#!/bin/sh
# savs show and savs info: tokens, pixels, samples, a folder's sizes, its verification.
. tests/cli/lib
needs_pictures 'cli show'

says() { # says PART: stdout of the last run has it
    if grep -qF -- "$1" "$scratch/out"; then pass; else fail "stdout lacks \"$1\""; fi
}

# ---- tokens ----
printf 'a<image>b' >"$scratch/text"
expect 0 '' show tokens --model $llava --text "$scratch/text" --json
says '{"ids":[64,355,65],"pieces":["a","<image>","b"]}'
cp $llava/tokenizer.json $llava/tokenizer_config.json "$scratch" # --text needs no weights
expect 0 '' show tokens --model "$scratch" --text "$scratch/text" --json
says '"ids":[64,355,65]'
expect 0 '' show tokens --model $llava --messages golden/llava/t70-two.messages.json --json
cp "$scratch/out" "$scratch/first"
expect 0 '' show tokens --model $llava --prompt golden/llava/t70-two.prompt.txt --json
check 'messages and their prompt give the same ids' cmp -s "$scratch/first" "$scratch/out"
expect 2 '--text' show tokens --model $llava
expect 2 '--text' show tokens --model $llava --text "$scratch/text" --prompt "$scratch/text"

# ---- pixels ----
expect 0 '' show pixels --model $llava --image golden/llava/images/100x200.png --out "$scratch/tiles" --json
says '"height":100,"width":200'
says '"pinpoint":[140,210],"fit":[105,210],"tile":70,"grid":[2,3],"tiles":7'
says '"tokens":153}'
check 'seven tiles' [ "$(ls "$scratch/tiles" | wc -l)" -eq 7 ]
# a tile is a PNG that can be read
expect 0 '' show pixels --model $llava --image "$scratch/tiles/picture0-0.png"
says ': 70 x 70'
expect 0 '' show pixels --model $llava --messages golden/llava/t70-two.messages.json
count=$(grep -c 'width x height' "$scratch/out")
check 'two pictures' [ "$count" -eq 2 ]
expect 1 'text model' show pixels --model $qwen --image golden/llava/images/100x200.png
expect 1 'no-such.png' show pixels --model $llava --image no-such.png

# ---- samples ----
expect 0 '' show samples --input golden/fewshot/train.jsonl --json
says '[{"index":0,"images":["golden/fewshot/images/train0.png"],"prompt":"What is this?",'
says '"prompt":"What is this?","label":"sea","question_id":0,"group":null}'

# ---- info ----
expect 0 '' info --model $llava
says '3 layers of 6 heads of size 10'
expect 0 '' info --model $qwen --json
says '"window":5'
expect 0 '' info --model $shards --verify
says 'every weight of'
check 'a digest a file' [ "$(ls $shards | wc -l)" -gt 3 ]
if command -v sha256sum >/dev/null 2>&1; then
    want=$(sha256sum <$shards/config.json | cut -d' ' -f1)
    expect 0 '' info --model $shards --verify
    says "$want"
fi
# The last two bytes of the file are a half-precision number: made infinite
copy_model $qwen infinite
size=$(wc -c <"$model/model.safetensors")
printf '\000\174' | dd of="$model/model.safetensors" bs=1 seek=$((size - 2)) conv=notrunc 2>/dev/null
expect 0 '' info --model "$model"
expect 1 'infinite or NaN' info --model "$model" --verify
says '1 of '
report 'cli show'
