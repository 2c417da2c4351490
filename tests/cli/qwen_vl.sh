#!/bin/sh
# The Qwen-VL families on the command line: bounds of pixels, grids, the memory plan; dumps equal to goldens.
. tests/cli/lib
needs_pictures 'cli qwen_vl'

holds() { # holds WORDS: on stdout
    if grep -qF -- "$1" "$scratch/out"; then pass; else fail "stdout lacks \"$1\""; fi
}
pictures=golden/qwen_vl/images
dump() { # dump CASE arguments...: the stages that such a golden holds
    name=$1
    shift
    expect 0 '' dump --engine exact --quiet --model "$model" --messages "golden/qwen_vl/$name.messages.json" \
        --stages 'input_ids,position_ids,image_grid_thw,sav.tap' --out "$scratch/$name.safetensors" "$@"
}
for family in v2:qwen2-vl v25:qwen2.5-vl; do
    case=${family%%:*}
    model=golden/models/${family#*:}
    dump "$case-max" --max-pixels 50176
    expect 0 '' diff "golden/qwen_vl/$case-max.exact.safetensors" "$scratch/$case-max.safetensors"
    dump "$case-min" --min-pixels 40000
    expect 0 '' diff "golden/qwen_vl/$case-min.exact.safetensors" "$scratch/$case-min.safetensors"
    dump "$case-min"
    silent=1
    expect 1 '' diff "golden/qwen_vl/$case-min.exact.safetensors" "$scratch/$case-min.safetensors"
    silent=
    holds input_ids
    expect 0 '' dump --engine exact --quiet --model "$model" \
        --messages "golden/qwen_vl/$case-20x30.messages.json" --out "$scratch/all.safetensors"
    expect 0 '' diff "golden/qwen_vl/$case-20x30.exact.safetensors" "$scratch/all.safetensors"
    holds 'stages, every bit'
    expect 0 '' info --model "$model"
    holds 'a picture of 640 x 480 and 64 tokens of text: 455 tokens'
done

model=golden/models/qwen2-vl
expect 0 '' show pixels --model $model --image $pictures/61x97.jpg $pictures/300x400.jpg \
    --out "$scratch/pixels"
holds 'fitted to 84 x 56: 6 x 4 patches'
holds '154 tokens: 11 rows of 14'
check 'a picture each' [ "$(ls "$scratch/pixels" | wc -l)" -eq 2 ]
# what was written has its size and keeps it
expect 0 '' show pixels --model $model --image "$scratch/pixels/picture1-0.png"
holds '392 x 308 (width x height)'
holds 'fitted to 392 x 308: 28 x 22 patches'
expect 0 '' show pixels --json --model $model --image $pictures/300x400.jpg --max-pixels 50176
holds '"fit":[168,252],"tile":0,"grid":[12,18],"tiles":1'
expect 0 '' info --json --model $model --max-pixels 100352
holds '{"text":64,"height":480,"width":640,"tokens":181,'

expect 2 '--min-pixels' show pixels --model $model --image $pictures/20x30.png --min-pixels 50000 \
    --max-pixels 40000
expect 2 '--max-pixels' show pixels --model $model --image $pictures/20x30.png --max-pixels 0
expect 1 'Qwen-VL families; found llava_onevision' show pixels --model $llava --image $pictures/20x30.png \
    --max-pixels 50176
expect 1 'Qwen-VL families; found qwen2' info --model $qwen --max-pixels 50176

# Other bounds make other features: their rows are other samples.
printf '{"image":"61x97.jpg","question":"What is this?","label":"a"}\n' >"$scratch/list.jsonl"
encode() { expect 0 '' encode --quiet --engine exact --model $model --input "$scratch/list.jsonl" \
    --image-root $pictures --store "$scratch/store" "$@"; }
encode
encode --min-pixels 40000
encode --max-pixels 2000
encode --min-pixels 40000
check 'three rows for three bounds' [ "$(wc -l <"$scratch/store/index.jsonl")" -eq 3 ]
report 'cli qwen_vl'
