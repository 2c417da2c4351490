#!/bin/sh
# One of something is not "1 samples": what the program says of lists, stores and classifiers with one member.
. tests/cli/lib
needs_pictures 'cli plurals'
one=$scratch/one.jsonl
picture=$(pwd)/golden/llava/images/49x61.png
line="{\"image\": \"$picture\", \"question\": \"What?\", \"label\": \"a\"}"
echo "$line" >"$one"
exact="--model $llava --engine exact"

# says WORDS: on either stream, and no plural behind a lone 1 ("1 of 1 samples" is one)
says() {
    check "\"$1\"" grep -qF -- "$1" "$scratch/out" "$scratch/err"
    sed 's/of 1 [a-z]*//g' "$scratch/out" "$scratch/err" >"$scratch/both"
    grep -E "$plural" "$scratch/both" >"$scratch/found"
    check "no plural: $(head -n 1 "$scratch/found")" [ ! -s "$scratch/found" ]
}
words='samples|rows|classes|records|tokens|stages|heads|pictures|examples|predictions|layers|files'
plural="(^|[^0-9.])1 ([a-z-]+ )?($words)([^a-z]|\$)"

# shellcheck disable=SC2086 # $exact is words
{
    expect 0 '' encode $exact --input "$one" --store "$scratch/s"
    says '1 row: 1 computed'
    sed 's/"a"/"b"/' "$one" >"$scratch/other.jsonl"
    expect 0 '1 row has another label' encode $exact --input "$scratch/other.jsonl" --store "$scratch/s"
    says '1 row: '
    expect 0 '1 row is of samples that' fit --store "$scratch/s" --out "$scratch/s.sav" --heads 5
    says 'under another label too'
    echo '{"question": "Why?", "label": "c"}' >"$scratch/text.jsonl"
    expect 0 '' encode $exact --input "$one" --store "$scratch/t"
    expect 0 '1 row is of samples' encode $exact --input "$scratch/text.jsonl" --store "$scratch/t"
    says '1 row: '
    expect 0 '' fit --store "$scratch/t" --out "$scratch/t.sav" --heads 5
    says 'heads vote on 2 classes'
    expect 0 '' encode $exact --input "$one" --store "$scratch/u"
    expect 0 '' fit --store "$scratch/u" --out "$scratch/u.sav" --heads 1
    says '1 of '
    check 'one class' grep -q 'vote on 1 class (' "$scratch/out"
    { cat "$one"; echo '{"question": }'; } >"$scratch/bad.jsonl"
    expect 0 '1 bad record left out' encode $exact --skip-bad --input "$scratch/bad.jsonl" \
        --store "$scratch/v"
    says '1 row: '
    sed 's/, "label": "a"//' "$one" >"$scratch/bare.jsonl"
    expect 0 '' predict --sav "$scratch/u.sav" $exact --input "$scratch/bare.jsonl"
    says "$picture"
    { cat "$one" "$scratch/text.jsonl"; } >"$scratch/train.jsonl"
    expect 0 '3 samples to compute: 2 to train, 1 to test' run $exact --train "$scratch/train.jsonl" \
        --test "$scratch/bare.jsonl" --out "$scratch/run" --heads 5
    says '1 sample without a label'
    expect 0 '' dump $exact --messages golden/qwen2/window.messages.json --stages sav.tap --out "$scratch/d"
    says '1 stage of '
    expect 0 '' diff "$scratch/d" "$scratch/d"
    says 'equal: 1 stage, every bit'
    expect 0 '' show pixels --model $llava --image "$picture"
    says ' rows of '
}
report 'cli plurals'
