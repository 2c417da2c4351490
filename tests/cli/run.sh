#!/bin/sh
# run, the whole job: pictures are looked at first; what is computed stays in train.store and test.store,
# and a run that was stopped, by a bad file or by Ctrl-C, goes on to the bytes of one that was not.
. tests/cli/lib
needs_pictures 'cli run'

lists=golden/fewshot
exact="--engine exact --threads 1 --model $llava --heads 5"
cp -r $lists/images "$scratch/images"
cp $lists/train.jsonl $lists/test.jsonl "$scratch"
run() { # run CODE PART TRAIN TEST FOLDER options...
    code=$1 part=$2 train=$3 test=$4 folder=$5
    shift 5
    # shellcheck disable=SC2086
    expect "$code" "$part" run $exact --train "$scratch/$train" --test "$scratch/$test" \
        --out "$scratch/$folder" \
        "$@"
}
rows() { cat "$scratch/$1/index.jsonl" 2>/dev/null | wc -l; }
is_whole() { # is_whole FOLDER: everything but the times is that of the undisturbed run
    for file in sav.safetensors predictions.jsonl train.store/features.f32 train.store/index.jsonl \
        test.store/features.f32 test.store/index.jsonl; do
        cmp "$scratch/good/$file" "$scratch/$1/$file" || return 1
    done
    for folder in good "$1"; do
        sed 's/"timings":{[^}]*}//' "$scratch/$folder/metrics.json" >"$scratch/$folder.metrics"
    done
    cmp "$scratch/good.metrics" "$scratch/$1.metrics" && no_leftovers "$scratch/$1" &&
        [ ! -e "$scratch/$1/train.store/ahead" ] && [ ! -e "$scratch/$1/test.store/ahead" ]
}

# ---- undisturbed ----
run 0 '17 samples to compute: 9 to train, 8 to test' train.jsonl test.jsonl good
check 'the golden predictions' cmp "$scratch/good/predictions.jsonl" $lists/predictions.jsonl
check 'a row a training sample' [ "$(rows good/train.store)" -eq 9 ]
check 'a row a test sample' [ "$(rows good/test.store)" -eq 8 ]
# the stores are what encode writes
# shellcheck disable=SC2086
expect 0 '' encode --engine exact --threads 1 --model $llava --quiet --input "$scratch/test.jsonl" \
    --store "$scratch/encoded"
check 'the features of encode' cmp "$scratch/encoded/features.f32" "$scratch/good/test.store/features.f32"
check 'the index of encode' cmp "$scratch/encoded/index.jsonl" "$scratch/good/test.store/index.jsonl"
# once more: nothing is computed, everything is the same
cp -r "$scratch/good" "$scratch/again"
run 0 'what is among the 17 in' train.jsonl test.jsonl again
check 'once more' is_whole again

# ---- every picture is looked at before the first forward ----
seen=$scratch/nothing
bad() { # bad CODE PART TRAIN TEST options...: nothing is computed and nothing is left
    code=$1 part=$2 train=$3 test=$4
    shift 4
    rm -rf "$seen"
    run "$code" "$part" "$train" "$test" nothing "$@"
    check 'nothing was computed' [ ! -e "$seen/train.store" ]
}
record() { printf '{"image":"images/%s","question":"What is this?","label":"sea"}\n' "$1"; }
{ cat "$scratch/train.jsonl"; record gone.png; } >"$scratch/gone.jsonl"
bad 1 'gone.jsonl:10: ' gone.jsonl test.jsonl
check 'one line' [ "$(wc -l <"$scratch/err")" -eq 1 ]
check 'and how to go on' grep -q 'Mend the list, or leave out what is bad with --skip-bad' "$scratch/err"
printf 'RIFF\044\0\0\0WEBPVP8 ' >"$scratch/images/a.webp"
mkdir "$scratch/images/folder.png"
printf 'P6 99999 99999 255\nabc' >"$scratch/images/bomb.ppm"
: >"$scratch/images/empty.jpg"
printf '\211PNG\r\n\032\n\0\0\0\015IHDR\0\0\0\0\0\0\0\001\010\002\0\0\0' >"$scratch/images/flat.png"
{
    cat "$scratch/test.jsonl"
    for name in a.webp folder.png bomb.ppm empty.jpg flat.png; do record $name; done
} >"$scratch/five.jsonl"
bad 1 '6 of 23 samples cannot be used; the first: ' gone.jsonl five.jsonl
check 'four lines' [ "$(wc -l <"$scratch/err")" -eq 4 ]
check 'the first in full' grep -q '^savs: 6 of 23 .*gone.jsonl:10: .*gone.png: cannot open' "$scratch/err"
check 'the next' grep -q 'five.jsonl:9: .*a.webp: found a WebP' "$scratch/err"
for name in a.webp folder.png bomb.ppm empty.jpg flat.png; do
    record $name >"$scratch/one.jsonl"
    bad 1 "one.jsonl:1: $scratch/images/$name" train.jsonl one.jsonl
done
# a fault of the last line of the training list is found at once too with --quiet
bad 1 'gone.jsonl:10: ' gone.jsonl five.jsonl --quiet
run 0 'left out: ' gone.jsonl five.jsonl skipped --skip-bad
check 'all are listed' [ "$(grep -c 'left out: ' "$scratch/err")" -eq 6 ]
check 'and counted' grep -q '"n_test":8,.*"n_train":9,"left_out":\[".*gone.jsonl:10: .*flat.png' \
    "$scratch/skipped/metrics.json"
check 'the same predictions' cmp "$scratch/good/predictions.jsonl" "$scratch/skipped/predictions.jsonl"
run 1 'none of its 1 samples can be used' train.jsonl one.jsonl nothing --skip-bad

# ---- a file that is bad inside: what is computed is kept, and the run goes on ----
for side in train test; do
    { head -n 3 $lists/$side.jsonl; record cut.png; tail -n +4 $lists/$side.jsonl; } >"$scratch/cut.jsonl"
    head -c 3000 $lists/images/test1.png >"$scratch/images/cut.png"
    if [ $side = train ]; then other='cut.jsonl test.jsonl'; else other='train.jsonl cut.jsonl'; fi
    # shellcheck disable=SC2086
    run 1 'cut.jsonl:4: ' $other cut
    check 'the rows before it' [ "$(rows cut/$side.store)" -eq 3 ]
    check 'it says where they are' grep -q \
        "3 rows are in $scratch/cut/$side.store: the same command goes on" "$scratch/err"
    check 'no scores' [ ! -e "$scratch/cut/metrics.json" ]
    check 'no predictions' [ ! -e "$scratch/cut/predictions.jsonl" ]
    run 0 '' train.jsonl test.jsonl cut
    check "goes on after a bad file of the $side list" is_whole cut
    rm -rf "$scratch/cut"
done

# ---- files of an earlier run never stand beside new ones ----
cp -r "$scratch/good" "$scratch/stale"
run 1 'cut.jsonl:4: ' train.jsonl cut.jsonl stale
check 'the classifier is there' cmp "$scratch/good/sav.safetensors" "$scratch/stale/sav.safetensors"
check 'no old scores' [ ! -e "$scratch/stale/metrics.json" ]
check 'no old predictions' [ ! -e "$scratch/stale/predictions.jsonl" ]
cp -r "$scratch/good" "$scratch/kept"
run 1 'gone.jsonl:10' gone.jsonl test.jsonl kept
check 'a run that did not begin changes nothing' is_whole kept

# ---- rows of other lists are not used; labels are those of the list ----
cp -r "$scratch/good" "$scratch/mended"
sed 's/"label": "sea"/"label": "ocean"/' "$scratch/train.jsonl" >"$scratch/ocean.jsonl"
run 0 'rows are of other lists and not used' ocean.jsonl test.jsonl mended
run 0 '' ocean.jsonl test.jsonl fresh
check 'mended labels leave no ghosts' cmp "$scratch/fresh/sav.safetensors" "$scratch/mended/sav.safetensors"
check 'nor in the votes' cmp "$scratch/fresh/predictions.jsonl" "$scratch/mended/predictions.jsonl"
tail -n +4 "$scratch/train.jsonl" >"$scratch/fewer.jsonl"
run 0 '' fewer.jsonl test.jsonl mended
rm -rf "$scratch/fresh"
run 0 '' fewer.jsonl test.jsonl fresh
check 'a shorter list' cmp "$scratch/fresh/sav.safetensors" "$scratch/mended/sav.safetensors"
{ tail -n 4 "$scratch/train.jsonl"; head -n 5 "$scratch/train.jsonl"; } >"$scratch/turned.jsonl"
run 0 '' turned.jsonl test.jsonl mended
rm -rf "$scratch/fresh"
run 0 '' turned.jsonl test.jsonl fresh
check 'another order' cmp "$scratch/fresh/sav.safetensors" "$scratch/mended/sav.safetensors"
# shellcheck disable=SC2086
expect 1 'its features were made with dtype f32; now it is bf16' run $exact --dtype bf16 \
    --out "$scratch/good" \
    --train "$scratch/train.jsonl" --test "$scratch/test.jsonl"
check 'what was there stays' [ -s "$scratch/good/metrics.json" ]

# ---- test samples that were trained on ----
run 0 '1 of 8 test samples are training samples too' train.jsonl test.jsonl overlap # train3.png, as "slate"
head -n 7 "$scratch/test.jsonl" >"$scratch/apart.jsonl"
run 0 '' train.jsonl apart.jsonl overlap
check 'none' sh -c "! grep -q 'training samples too' '$scratch/err'"
run 0 '9 of 9 test samples are training samples too' train.jsonl train.jsonl overlap
{ head -n 2 "$scratch/test.jsonl"; head -n 1 "$scratch/train.jsonl"; } >"$scratch/shared.jsonl"
cp "$scratch/images/train1.png" "$scratch/images/other name.png" # the bytes count, not the name
record 'other name.png' >>"$scratch/shared.jsonl"
# the same picture under another question is another sample
printf '{"image":"images/train0.png","question":"What else?","label":"sea"}\n' >>"$scratch/shared.jsonl"
run 0 '2 of 5 test samples are training samples too' train.jsonl shared.jsonl overlap

# ---- Ctrl-C and SIGTERM, again and again ----
if command -v timeout >/dev/null 2>&1; then
    i=0
    while [ $i -lt 4000 ]; do
        echo '{"question":"question number '$i'","label":"'$((i % 3))'"}'; i=$((i + 1))
    done >"$scratch/long.jsonl"
    tail -n 1500 "$scratch/long.jsonl" | sed 's/number/of the test list/' >"$scratch/asked.jsonl"
    text="--quiet --threads 1 --engine exact --model $qwen --heads 3"
    rm -rf "$scratch/good"
    # shellcheck disable=SC2086
    expect 0 '' run $text --train "$scratch/long.jsonl" --test "$scratch/asked.jsonl" --out "$scratch/good"
    stops=0 told=0
    for try in 'INT 0.1' 'TERM 0.2' 'INT 0.3' 'TERM 0.4' 'INT 0.6' 'INT 0.9' 'TERM 1.4' 'INT 2' 'INT 4'; do
        signal=${try% *}
        # shellcheck disable=SC2086
        timeout --foreground -s "$signal" -k 60 "${try#* }" "$savs" run $text --train "$scratch/long.jsonl" \
            --test "$scratch/asked.jsonl" --out "$scratch/stopped" >"$scratch/out" 2>"$scratch/err" </dev/null
        [ ! -s "$scratch/out" ] && [ $told -lt 3 ] || break
        stops=$((stops + 1))
        ! grep -q 'rows are in .*: the same command goes on' "$scratch/err" || told=$((told + 1))
        check "SIG$signal is answered" grep -q 'stopped by' "$scratch/err"
    done
    check 'stopped at least once' [ $stops -ge 1 ]
    check 'it says how to go on' [ $told -ge 1 ]
    # shellcheck disable=SC2086
    expect 0 '' run $text --train "$scratch/long.jsonl" --test "$scratch/asked.jsonl" --out "$scratch/stopped"
    check 'the bytes of an undisturbed run' is_whole stopped
else
    skip 'no timeout(1): Ctrl-C'
fi
report 'cli run'
