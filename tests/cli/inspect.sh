#!/bin/sh
# info, show tokens, show pixels: what they say, as JSON too, and into a standard output that takes nothing.
. tests/cli/lib
needs_pictures 'cli inspect'

holds() { # holds WORDS: on stdout of the last run
    if grep -qF -- "$1" "$scratch/out"; then pass; else fail "stdout lacks $1"; fi
}
expect 0 '' info --model $llava
holds llava_onevision
expect 0 '' info --model $llava --json
holds '"family":"llava_onevision"'
expect 0 '' info --model $shards --verify
holds model-00002-of-00003.safetensors
copy_model $qwen infinite
printf '\0\174' | dd of="$model/model.safetensors" bs=1 seek=$(($(wc -c <"$model/model.safetensors") - 2)) \
    conv=notrunc 2>/dev/null
expect 1 '' info --model "$model" --verify # a weight that is no finite number

printf 'What is this?' >"$scratch/text"
expect 0 '' show tokens --model $llava --text "$scratch/text" --json
holds '"ids":['
expect 0 '' show tokens --model $llava --messages golden/llava/t70-49x61.messages.json
holds '<image>'
expect 1 nowhere show tokens --model $llava --text "$scratch/nowhere"
printf 'a\377b' >"$scratch/bytes"
expect 1 bytes show tokens --model $llava --text "$scratch/bytes"

expect 0 '' show pixels --model $llava --image golden/llava/images/49x61.png --out "$scratch/tiles"
holds '61 x 49'
check 'tiles are written' [ "$(find "$scratch/tiles" -name '*.png' | wc -l)" -eq 2 ]
expect 1 nowhere.png show pixels --model $llava --image "$scratch/nowhere.png"
expect 1 '' show pixels --model $qwen --image golden/llava/images/49x61.png # a text model

if [ -c /dev/full ]; then
    for command in "info --model $qwen" "show tokens --model $qwen --text $scratch/text" \
        "show pixels --model $llava --image golden/llava/images/49x61.png"; do
        # shellcheck disable=SC2086 # words
        $limit "$savs" $command >/dev/full 2>"$scratch/err" </dev/null
        judge 1 '' "savs $command >/dev/full"
    done
else
    skip 'no /dev/full'
fi
report 'cli inspect'
