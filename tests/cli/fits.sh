#!/bin/sh
# Features, fits and votes from end to end: a run, and the same in steps through a store; pictures alone; what
# --skip-bad leaves out; two fits and two stores compared.
. tests/cli/lib
needs_pictures 'cli fits'

lists=golden/fewshot
exact="--engine exact --threads 1 --model $llava"
out=$scratch/run

says() { # says PART: stdout of the last run has it
    if grep -qF -- "$1" "$scratch/out"; then pass; else fail "stdout lacks \"$1\""; fi
}

# ---- the main job, and what it writes ----
# shellcheck disable=SC2086
expect 0 '1 of 8 test samples have a label that no training example has, "slate"' run $exact --heads 5 \
    --out "$out" \
    --train $lists/train.jsonl --test $lists/test.jsonl
says 'accuracy 0.6250'
says '5 of 18 heads vote on 3 classes'
check 'predictions are the golden ones' cmp -s "$out/predictions.jsonl" $lists/predictions.jsonl
check 'metrics.json' grep -q '"accuracy":0.625,"accuracy_interval":\[0.3057' "$out/metrics.json"

# ---- the same in steps ----
# shellcheck disable=SC2086
for part in train test; do
    expect 0 '' encode $exact --quiet --input $lists/$part.jsonl --store "$scratch/$part"
done
says '8 computed, 0 equal to another sample, 0 there before'
# shellcheck disable=SC2086
expect 0 '' encode $exact --quiet --input $lists/test.jsonl --store "$scratch/test"
says '0 computed, 0 equal to another sample, 8 there before'
expect 0 '' fit --quiet --store "$scratch/train" --out "$scratch/fit.safetensors" --heads 5
expect 0 '' diff "$out/sav.safetensors" "$scratch/fit.safetensors"
expect 0 '' predict --quiet --sav "$scratch/fit.safetensors" --store "$scratch/test" \
    --out "$scratch/votes.jsonl"
says 'accuracy 0.6250'
for file in "$out/predictions.jsonl" "$scratch/votes.jsonl"; do
    sed 's/.*"prediction"/"prediction"/' "$file" >"$file.votes"
done
check 'the same votes from the store' cmp -s "$out/predictions.jsonl.votes" "$scratch/votes.jsonl.votes"
# shellcheck disable=SC2086
expect 0 '' predict $exact --quiet --sav "$scratch/fit.safetensors" --input $lists/test.jsonl
check 'the same predictions from the list' [ "$(wc -l <$lists/predictions.jsonl)" -eq 8 ]
# shellcheck disable=SC2086
expect 0 '' predict $exact --quiet --sav "$scratch/fit.safetensors" --input $lists/test.jsonl \
    --out "$scratch/again.jsonl"
check 'and its lines' cmp -s "$scratch/again.jsonl" $lists/predictions.jsonl
expect 0 '' predict --quiet --sav "$scratch/fit.safetensors" --store "$scratch/test" --min-margin 6 \
    --out "$scratch/none.jsonl"
check 'nothing has a margin of 6 of 5' [ "$(grep -c '"prediction":null' "$scratch/none.jsonl")" -eq 8 ]

# ---- one picture ----
# shellcheck disable=SC2086
expect 0 '' predict $exact --quiet --sav "$scratch/fit.safetensors" --image $lists/images/train0.png \
    --question 'What is this?'
says 'sea: 5 of 5 votes'
# shellcheck disable=SC2086
expect 1 'no-such.png' predict $exact --quiet --sav "$scratch/fit.safetensors" --image no-such.png
expect 1 'fitted on' predict --quiet --sav "$scratch/fit.safetensors" --model $qwen --input $lists/test.jsonl
expect 2 '--model DIR or --store DIR' predict --sav "$scratch/fit.safetensors"
expect 2 '--store' predict --sav "$scratch/fit.safetensors" --store "$scratch/test" --image a.png

# ---- draws and limits ----
expect 0 '' fit --quiet --store "$scratch/train" --out "$scratch/two.safetensors" --heads 5 --shots 2
silent=1
expect 1 '' diff "$scratch/fit.safetensors" "$scratch/two.safetensors"
silent=''
says 'different'
expect 0 'fewer than 50' fit --store "$scratch/train" --out "$scratch/two.safetensors" --heads 5 --shots 50
expect 1 '--heads' fit --quiet --store "$scratch/train" --out "$scratch/two.safetensors" --heads 19
# shellcheck disable=SC2086
expect 1 '--heads' run $exact --quiet --train $lists/train.jsonl --test $lists/test.jsonl --out "$out" \
    --heads 19
expect 0 '' fit --quiet --store "$scratch/train" --out "$scratch/half.safetensors" --heads 5 \
    --validation 0.5 --json
says '"n_head_scoring":'
expect 1 'store.json' fit --quiet --store "$scratch" --out "$scratch/two.safetensors"

# ---- two stores ----
expect 0 '' diff "$scratch/train" "$scratch/train"
says 'predictions of these rows: 0 flipped'
# shellcheck disable=SC2086
expect 0 '' encode $exact --dtype bf16 --quiet --input $lists/train.jsonl --store "$scratch/bf16"
silent=1
expect 1 '' diff "$scratch/train" "$scratch/bf16" --json
silent=''
says '"equal":false,"rows_a":9,"rows_b":9,"rows_differ":9'
# shellcheck disable=SC2086
# other features
expect 1 '' encode $exact --dtype bf16 --quiet --input $lists/train.jsonl --store "$scratch/train"

# ---- what cannot be read ----
images=$(pwd)/$lists/images
{
    printf '{"image":"%s/train0.png","question":"What?","label":"a"}\n' "$images"
    printf '{"image":"%s/none.png","question":"What?","label":"b"}\n' "$images"
    printf '{"image":"%s/train1.png","question":"What?","label":"b"}\n' "$images"
} >"$scratch/holes.jsonl"
# shellcheck disable=SC2086
expect 1 holes.jsonl:2 run $exact --quiet --train "$scratch/holes.jsonl" --test $lists/test.jsonl \
    --out "$out" --heads 5
# shellcheck disable=SC2086
expect 0 holes.jsonl:2 run $exact --skip-bad --train "$scratch/holes.jsonl" --test "$scratch/holes.jsonl" \
    --out "$out" --heads 5
check 'left out and listed' \
    grep -q '"n_test":2,.*"n_train":2,"left_out":\[".*holes.jsonl:2: .*",".*holes.jsonl:2: ' \
    "$out/metrics.json"
report 'cli fits'
