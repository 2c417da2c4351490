#!/bin/sh
# Lists in batches: whatever their order, each line has the features it would have alone, and results stand in
# list order; --memory.
. tests/cli/lib
needs_pictures 'cli batch'

pictures=$(pwd)/golden/llava/images
line() { printf '{"image":"%s","question":"%s","question_id":%s,"label":"%s"}\n' "$1" "$2" "$3" "$4"; }
text() { printf '{"question":"%s","question_id":%s,"label":"%s"}\n' "$1" "$2" "$3"; }
a=$pictures/49x61.png b=$pictures/90x101.png c=$pictures/64x90.png

# ---- the same questions about three pictures, in turns and picture by picture ----
turns=$scratch/turns.jsonl grouped=$scratch/grouped.jsonl
{
    line "$a" 'What is it?' 0 x; line "$b" 'What is it?' 1 y; text 'Hello' 2 x; line "$c" 'What is it?' 3 x
    line "$a" 'Which colour?' 4 y; line "$b" 'Which colour?' 5 x; line "$a" 'What is it?' 6 x # equal to 0
    line "$c" 'Which colour is it?' 7 y; line "$b" 'How many?' 8 y; line "$a" 'How many?' 9 x
} >"$turns"
for id in 9 0 4 6 2 8 1 5 7 3; do grep "\"question_id\":$id," "$turns"; done >"$grouped"
encode() { # encode LIST STORE options...
    list=$1 store=$2
    shift 2
    expect 0 '' encode --quiet --model $llava --engine exact --input "$list" --store "$scratch/$store" "$@"
}
ids() { sed 's/.*"question_id":\([0-9]*\),.*/\1/' "$1" | tr '\n' ' '; }
sums() { sed 's/.*"question_id":\([0-9]*\),.*"crc32":"\([0-9a-f]*\)".*/\1 \2/' "$scratch/$1/index.jsonl" |
    sort; }

encode "$turns" turns --json
check 'nine samples computed, one copied' grep -q '"rows":10,"forwarded":9,"copied":1,"present":0' \
    "$scratch/out"
encode "$grouped" grouped
check 'rows in list order' [ "$(ids "$scratch/turns/index.jsonl")" = '0 1 2 3 4 5 6 7 8 9 ' ]
check 'rows in the other order' [ "$(ids "$scratch/grouped/index.jsonl")" = '9 0 4 6 2 8 1 5 7 3 ' ]
check 'the same features' [ "$(sums turns)" = "$(sums grouped)" ]
while read -r sample; do # each alone
    printf '%s\n' "$sample" >"$scratch/one.jsonl"
    encode "$scratch/one.jsonl" "one-$(ids "$scratch/one.jsonl")"
done <"$turns"
cat "$scratch"/one-*/index.jsonl >"$scratch/all"
mkdir "$scratch/alone" && mv "$scratch/all" "$scratch/alone/index.jsonl"
check 'as each alone' [ "$(sums turns)" = "$(sums alone)" ]
encode "$turns" turns --json # once more: nothing to do
check 'all there' grep -q '"forwarded":0,"copied":0,"present":10' "$scratch/out"

# ---- predictions in list order ----
expect 0 '' run --quiet --model $llava --engine exact --train "$turns" --test "$grouped" \
    --out "$scratch/out-folder" --heads 3
check 'predictions in list order' [ "$(ids "$scratch/out-folder/predictions.jsonl")" \
    = '9 0 4 6 2 8 1 5 7 3 ' ]
cp "$scratch/out-folder/predictions.jsonl" "$scratch/first.jsonl"
cp "$scratch/out-folder/sav.safetensors" "$scratch/first.safetensors"
expect 0 '' run --quiet --model $llava --engine exact --train "$turns" --test "$grouped" \
    --out "$scratch/out-folder" --heads 3 --memory 400M
check 'the same predictions under a budget' cmp -s "$scratch/first.jsonl" \
    "$scratch/out-folder/predictions.jsonl"
check 'the same heads under a budget' cmp -s "$scratch/first.safetensors" \
    "$scratch/out-folder/sav.safetensors"

# ---- a picture that cannot be decoded: only that line goes; what was ahead is not done again ----
bad=$scratch/bad.jsonl
head -c 200 "$a" >"$scratch/cut.png"
{ line "$a" 'What is it?' 0 x; line "$b" 'What is it?' 1 y; line "$scratch/cut.png" 'What is it?' 2 x;
    line "$a" 'How many?' 3 y; } >"$bad"
expect 1 bad.jsonl:3 encode --quiet --model $llava --engine exact --input "$bad" --store "$scratch/bad-store"
check 'what stands before it is kept' [ "$(ids "$scratch/bad-store/index.jsonl")" = '0 1 ' ]
check 'and what was computed before its turn' [ "$(ids "$scratch/bad-store/ahead/index.jsonl")" = '3 ' ]
encode "$bad" bad-store --skip-bad --json
check 'the others go on' grep -q '"rows":3,"forwarded":0,"copied":0,"present":3,"left_out":1' "$scratch/out"
check 'in their order' [ "$(ids "$scratch/bad-store/index.jsonl")" = '0 1 3 ' ]
check 'nothing is ahead any more' [ ! -e "$scratch/bad-store/ahead" ]
{ line "$a" 'What is it?' 0 x; line "$pictures/none.png" 'What is it?' 1 y; } >"$bad"
expect 1 bad.jsonl:2 encode --quiet --model $llava --engine exact --input "$bad" --store "$scratch/none-store"
check 'one that is not there: found before the first forward' [ ! -e "$scratch/none-store" ]
check 'with the features of before' [ "$(sums bad-store | sed -n '1,2p')" = "$(sums turns | sed -n '1,2p')" ]

# ---- --memory ----
memory() { expect "$1" "$2" info --model $llava --memory "$3"; }
for size in 4X G -1 0 1.2.3M 4GB 1e400 ''; do memory 2 --memory "$size"; done
memory 1 'expected at least' 1
memory 1 'raise --memory' 500K
for size in 1G 1.5g 900MiB 500000000; do memory 0 '' $size; done
expect 0 '' info --model $llava --memory 1G --json
check 'info says what the budget buys' \
    grep -q '"budget":1073741824,"fixed_bytes":[0-9]*,"held_bytes":[0-9]*,"streams":false' "$scratch/out"
expect 0 '' info --model $llava
check 'and what happens without' grep -q 'batches of up to 4096 rows' "$scratch/out"

report 'cli batch'
