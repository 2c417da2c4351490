#!/bin/sh
# What a killed process leaves behind: it goes with the next run, or is named; files of others stay.
. tests/cli/lib

tiny=golden/models/qwen2-window
put() { mkdir -p "${1%/*}" && printf '%s' "$2" >"$1"; }
quantize() { expect "$1" "$2" quantize --quiet --model $tiny --out "$3"; }
same() { diff -r "$scratch/whole" "$1" >"$scratch/diff"; }

# ---- quantize ----
quantize 0 '' "$scratch/whole"
check 'no mark in a whole folder' [ -z "$(find "$scratch/whole" -name '*savs-*')" ]
out=$scratch/killed # before anything was whole
put "$out/savs-quantize.unfinished.savs-1.tmp" ''
quantize 0 '' "$out"
check 'the same as undisturbed' same "$out"
out=$scratch/shard # within the shard, and a shard of another model before
put "$out/savs-quantize.unfinished" ''
put "$out/model.safetensors.savs-1.tmp" half
put "$out/model-00001-of-00002.safetensors" other
put "$out/preprocessor_config.json" '{}'
quantize 0 '' "$out"
check 'the same as undisturbed' same "$out"
out=$scratch/config # finished but for the mark
cp -R "$scratch/whole" "$out"
put "$out/savs-quantize.unfinished" ''
quantize 0 '' "$out"
check 'the same as undisturbed' same "$out"
out=$scratch/notes # a file that quantize never writes
put "$out/savs-quantize.unfinished" ''
put "$out/notes.txt" mine
put "$out/tokenizer.json" '{}'
quantize 1 'found notes.txt in it' "$out"
check 'nothing was removed' [ "$(find "$out" -type f | wc -l)" -eq 3 ]
out=$scratch/download # weights of somebody, with no config beside them yet
put "$out/model.safetensors" weights
quantize 1 'expected a new or an empty folder (choose another --out)' "$out"
check 'the weights are there' grep -q weights "$out/model.safetensors"

# ---- a classifier, predictions ----
printf '{"question":"a","label":"x"}\n{"question":"b","label":"y"}\n{"question":"c","label":"x"}\n' \
    >"$scratch/list.jsonl"
encode() {
    expect "$1" "$2" encode --quiet --model $tiny --input "$scratch/list.jsonl" --store "$scratch/store"
}
encode 0 ''
put "$scratch/o.sav.savs-1.tmp" half
put "$scratch/o.sav.1234.tmp" mine
expect 0 '' fit --quiet --store "$scratch/store" --out "$scratch/o.sav" --heads 2
check 'the remains are gone' [ ! -e "$scratch/o.sav.savs-1.tmp" ]
check 'a file of the user is not' grep -q mine "$scratch/o.sav.1234.tmp"
rm "$scratch/o.sav.1234.tmp"

# ---- a store: within its first file, and ahead of its turn ----
cp -R "$scratch/store" "$scratch/right"
rm -rf "$scratch/store"
put "$scratch/store/store.json.savs-1.tmp" '{"form'
put "$scratch/store/features.f32" ''
encode 0 ''
check 'the same store' diff -r "$scratch/right" "$scratch/store"
put "$scratch/store/ahead/store.json.savs-1.tmp" '{"form'
put "$scratch/store/ahead/features.f32" ''
encode 0 ''
check 'nothing ahead' diff -r "$scratch/right" "$scratch/store"

# ---- rows that the disk never wrote ----
end=$(wc -c <"$scratch/store/features.f32")
printf 'XXXX' | dd of="$scratch/store/features.f32" bs=1 seek=$((end - 4)) conv=notrunc 2>"$scratch/dd"
expect 1 'row 2 is damaged' fit --quiet --store "$scratch/store" --out "$scratch/o.sav"
expect 0 '1 damaged row at its end' encode --model $tiny --input "$scratch/list.jsonl" \
    --store "$scratch/store"
check 'computed again' diff -r "$scratch/right" "$scratch/store"

check 'no temporary file anywhere' no_leftovers "$scratch"
report 'cli remains'
