#!/bin/sh
# The demo's trained model of each family on the first pictures of the lead task, with the exact engine:
# predictions, margins and every head's vote are the oracle's, byte for byte.
. tests/cli/lib
needs_pictures 'cli families'

lists=data/demo/count_shape
for part in train test; do head -n 12 $lists/$part.jsonl >"$scratch/$part.jsonl"; done
for family in llava-onevision qwen2-vl qwen2.5-vl; do
    expect 0 '' run --quiet --engine exact --model data/tiny-$family --image-root $lists \
        --train "$scratch/train.jsonl" \
        --test "$scratch/test.jsonl" --out "$scratch/$family"
    check "$family: the oracle's predictions" cmp -s golden/fewshot/tiny-$family.jsonl \
        "$scratch/$family/predictions.jsonl"
done
report 'cli families'
