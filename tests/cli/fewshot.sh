#!/bin/sh
# A whole job from picture files to predictions.jsonl, byte for byte the golden: by `run`; by `encode`, `fit`,
# `predict` with a store; by `predict` with the model; a store filled in two halves; one picture by itself.
. tests/cli/lib
needs_pictures 'cli fewshot'

home=golden/fewshot
same() { # same WHAT FILE
    if cmp -s "$home/predictions.jsonl" "$2"; then pass; else fail "$1: other predictions"; fi
}
model="--model $llava --engine exact --quiet" # words without spaces inside
# shellcheck disable=SC2086
{
    expect 0 '' run $model --train $home/train.jsonl --test $home/test.jsonl --out "$scratch/run" --heads 5
    same run "$scratch/run/predictions.jsonl"
    check 'metrics.json has the accuracy' grep -q '"accuracy":0\.625,' "$scratch/run/metrics.json"

    expect 0 '' encode $model --input $home/train.jsonl --store "$scratch/train"
    expect 0 '' encode $model --input $home/test.jsonl --store "$scratch/test" --threads 2
    expect 0 '' fit --store "$scratch/train" --out "$scratch/sav.safetensors" --heads 5
    expect 0 '' predict --sav "$scratch/sav.safetensors" --store "$scratch/test" \
        --out "$scratch/predictions.jsonl"
    same 'encode, fit, predict' "$scratch/predictions.jsonl"
    silent=1
    expect 0 '' diff "$scratch/run/sav.safetensors" "$scratch/sav.safetensors"
    silent=''
    expect 0 '' predict --sav "$scratch/sav.safetensors" $model --input $home/test.jsonl \
        --out "$scratch/deep.jsonl"
    same 'predict with the model' "$scratch/deep.jsonl"

    # Half of the list, then all of it: the rows that are there are not computed again
    head -n 4 $home/train.jsonl >"$scratch/half.jsonl"
    expect 0 '' encode $model --image-root $home --input "$scratch/half.jsonl" --store "$scratch/grown"
    check 'half of the rows' [ "$(wc -l <"$scratch/grown/index.jsonl")" -eq 4 ]
    expect 0 '' encode $model --input $home/train.jsonl --store "$scratch/grown"
    check 'the same features in the end' cmp -s "$scratch/train/features.f32" "$scratch/grown/features.f32"

    # Refused, with the reason
    expect 1 '' predict --sav "$scratch/sav.safetensors" --model $qwen --quiet --input $home/test.jsonl
    expect 1 nowhere fit --store "$scratch/nowhere" --out "$scratch/x"
    expect 1 nowhere.safetensors predict --sav "$scratch/nowhere.safetensors" --store "$scratch/test"
    expect 1 test_000.png predict --sav "$scratch/sav.safetensors" $model --image "$scratch/test_000.png" \
        --question 'What is this?'
    expect 1 '' fit --store "$scratch/train" --out "$scratch/x" --heads 999

    # A byte of row 2 of a store is another one: no heads and no predictions out of damaged features
    size=$(wc -c <"$scratch/test/features.f32")
    rows=$(wc -l <"$scratch/test/index.jsonl")
    for store in train test; do
        cp -r "$scratch/$store" "$scratch/damaged_$store"
        printf '\377' | dd of="$scratch/damaged_$store/features.f32" bs=1 seek=$((size / rows * 2 + 5)) \
            conv=notrunc 2>/dev/null
    done
    expect 1 'row 2 is damaged' fit --store "$scratch/damaged_train" --out "$scratch/damaged.safetensors" \
        --heads 5
    check 'no heads of a damaged store' [ ! -e "$scratch/damaged.safetensors" ]
    expect 1 'row 2 is damaged' predict --sav "$scratch/sav.safetensors" --store "$scratch/damaged_test"

    # A bad picture after two good ones: their predictions are kept, and the message says how to go on
    cp -r $home/images "$scratch/images"
    { head -n 2 $home/test.jsonl; echo '{"image":"images/bad.png","question":"What is this?"}';
        tail -n +3 $home/test.jsonl; } \
        >"$scratch/bad.jsonl"
    for whole in "$scratch"/images/*.png; do head -c 60 "$whole" >"$scratch/images/bad.png"; done
    head -n 2 $home/predictions.jsonl >"$scratch/two.jsonl"
    expect 1 '--skip-bad' predict --sav "$scratch/sav.safetensors" $model --input "$scratch/bad.jsonl" \
        --out "$scratch/kept.jsonl"
    check 'predict names line 3' grep -q 'bad.jsonl:3' "$scratch/err"
    check 'predict keeps what is finished' cmp -s "$scratch/two.jsonl" "$scratch/kept.jsonl.partial"
    expect 1 'on standard output' predict --sav "$scratch/sav.safetensors" $model --input "$scratch/bad.jsonl"
    check 'predict prints what is finished' cmp -s "$scratch/two.jsonl" "$scratch/out"
    expect 1 '' predict --json --sav "$scratch/sav.safetensors" $model --input "$scratch/bad.jsonl"
    check 'as a JSON array' grep -q '}]$' "$scratch/out"
    # One picture: what the list said of it
    expect 0 '' predict --sav "$scratch/sav.safetensors" $model --image $home/images/test0.png \
        --question 'What is this?'
    check 'one picture' grep -q moss "$scratch/out"
}
report 'cli fewshot'
