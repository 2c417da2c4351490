#!/bin/sh
# bench: every stage of a text model's and of a tower's forward, as a table and as JSON; no picture is left
# behind.
. tests/cli/lib

holds() { # holds WORDS: on stdout of the last run
    if grep -qF -- "$1" "$scratch/out"; then pass; else fail "stdout lacks \"$1\""; fi
}
mkdir "$scratch/tmp"
TMPDIR=$scratch/tmp
export TMPDIR

expect 0 '' bench --model $qwen --tokens 9 --rounds 1 --threads 1
for words in '9 tokens' 'peak of a core' 'qkv' 'attention' 'o_proj' 'gate_proj, up_proj' 'down_proj' \
    'last layer' 'whole layers' \
    'tokens/s' 'weights read' 'resident at most'; do holds "$words"; done
if grep -q vision "$scratch/out"; then fail 'a text model has a vision stage'; else pass; fi

expect 0 '' bench --model $llava --tokens 9 --image-size 49x61 --rounds 2 --threads 1 --engine exact --json
for words in '"engine":"exact"' '"threads":1' '"height":49' '"width":61' '"rounds":2' '"peak_gflops":' \
    '"peak_double_gflops":' \
    '"seconds":' '"tokens_per_second":' '"resident_peak_bytes":' '"weight_bytes":' \
        '"stage":"vision attention"' \
    '"stage":"merger"' '"stage":"qkv"' '"stage":"rope"' '"stage":"down_proj"' '"vision_tower":{' \
        '"decoder_layers":{' \
    '"forward":{' '"share":'; do holds "$words"; done
# Well formed, as our own reader of lists sees it: an object beside a question
{ printf '[{"question": "x", "bench": '; cat "$scratch/out"; printf '}]\n'; } >"$scratch/list.json"
expect 0 '' show samples --input "$scratch/list.json"

expect 0 '' bench --model golden/models/qwen2.5-vl --tokens 5 --image-size 60x80 --rounds 1 --threads 1
for words in 'vision qkv' 'vision rope' 'merger' 'vision tower'; do holds "$words"; done
check 'no picture is left behind' [ -z "$(ls "$scratch/tmp")" ]

expect 1 'text model' bench --model $qwen --image-size 60x80
expect 1 'max_position_embeddings' bench --model $qwen --tokens 99999999
check 'no picture is left behind by failures' [ -z "$(ls "$scratch/tmp")" ]
for size in 60 60x 0x80 60x80x3 -60x80 axb; do
    expect 2 '--image-size' bench --model $llava --image-size $size
done
expect 2 '--rounds' bench --model $qwen --rounds 65
expect 2 '--tokens' bench --model $qwen --tokens 0
report 'cli bench'
