#!/bin/sh
# Where results go and may not fit: names that are folders, folders that cannot be written, a full disk, a
# closed pipe, Ctrl-C. What was there before is kept, and no temporary file stays.
. tests/cli/lib

messages=golden/qwen2/window.messages.json
dump() { # dump CODE PART OUT
    expect "$1" "$2" dump --engine exact --quiet --model $qwen --messages $messages --out "$3"
}
mkdir "$scratch/here"
dump 0 '' "$scratch/here/a.safetensors"
dump 1 folder "$scratch/here"
dump 1 no-such "$scratch/no-such/a.safetensors"
dump 1 a.safetensors "$scratch/here/a.safetensors/b" # below a file
dump 1 /dev/null /dev/null
check '/dev/null is still a device' [ -c /dev/null ]
mkdir "$scratch/locked"; chmod 555 "$scratch/locked"
if [ "$(id -u)" -ne 0 ]; then
    dump 1 locked "$scratch/locked/a.safetensors"
else # root writes everywhere: the program runs as nobody, where nobody may read it
    nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'
    chmod 755 "$scratch"
    if $nobody "$savs" --version >/dev/null 2>&1; then
        $nobody "$savs" dump --engine exact --quiet --model $qwen --messages $messages \
            --out "$scratch/locked/a.safetensors" \
            >"$scratch/out" 2>"$scratch/err" </dev/null
        judge 1 locked 'savs dump into a folder without write permission'
    else
        skip 'root writes everywhere: a folder without write permission'
    fi
fi
chmod 755 "$scratch/locked"

{ printf '{"question":"one","label":"a"}\n{"question":"two","label":"b"}\n'; } >"$scratch/list.jsonl"
list=$scratch/list.jsonl
: >"$scratch/file"
expect 1 file run --quiet --model $qwen --train "$list" --test "$list" --out "$scratch/file" --heads 2
expect 1 file encode --quiet --model $qwen --input "$list" --store "$scratch/file"
check 'the file is still there' [ -f "$scratch/file" ]

# ---- a disk that is full: a file system of 64 KiB, where this may be mounted ----
mkdir "$scratch/small"
if mount -t tmpfs -o size=64k savs-test "$scratch/small" 2>/dev/null; then
    trap 'umount "$scratch/small"; rm -rf "$scratch"' EXIT
    printf old >"$scratch/small/old.safetensors"
    dump 1 'No space' "$scratch/small/old.safetensors"
    check 'the old file is whole' [ "$(cat "$scratch/small/old.safetensors")" = old ]
    check 'no temporary file' no_leftovers "$scratch/small"
    # A store on that disk: said, and gone on with when there is room again
    dd if=/dev/zero of="$scratch/small/filler" bs=1024 2>/dev/null
    expect 1 'No space' encode --quiet --model $qwen --input "$list" --store "$scratch/small/store"
    rm "$scratch/small/filler"
    expect 0 '' encode --quiet --model $qwen --input "$list" --store "$scratch/small/store"
    check 'both rows are there in the end' [ "$(wc -l <"$scratch/small/store/index.jsonl")" -eq 2 ]
else
    skip 'no file system may be mounted here: a full disk'
fi

# ---- standard output ----
if [ -c /dev/full ]; then
    for command in "show samples --input $list" --version --help 'run --help'; do
        # shellcheck disable=SC2086 # words
        $limit "$savs" $command >/dev/full 2>"$scratch/err" </dev/null
        judge 1 '' "savs $command >/dev/full"
    done
else
    skip 'no /dev/full'
fi
# A reader that goes away ends the program without a word. The list is long enough to fill the pipe.
i=0
while [ $i -lt 3000 ]; do
    echo '{"question":"a question of some length, so that pipes fill","label":"a"}'; i=$((i + 1))
done >"$scratch/long.jsonl"
: >"$scratch/out"
{ $limit "$savs" show samples --input "$scratch/long.jsonl" 2>"$scratch/err"; echo $? >"$scratch/code"; } |
    head -n 1 >/dev/null
check 'a closed pipe: no message' [ ! -s "$scratch/err" ]

# ---- Ctrl-C ----
# A background job of sh ignores SIGINT, and so would the program; timeout(1) does not, and hands the signal
# on (once, with --foreground; a second one ends the program at once).
stop() { # stop SIGNAL CODE ROWS: encode until the store has more than ROWS rows, then the signal
    timeout --foreground -k 20 100 "$savs" encode --quiet --model $qwen --input "$scratch/long.jsonl" \
        --store "$scratch/stop/store" \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    job=$!
    tries=0
    while [ "$(rows)" -le "$3" ] && [ $tries -lt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -s "$1" $job
    wait $job
    judge "$2" '' "savs encode, stopped by SIG$1"
    check 'no temporary file' no_leftovers "$scratch/stop"
    check "rows are kept: more than $3" [ "$(rows)" -gt "$3" ]
}
rows() { cat "$scratch/stop/store/index.jsonl" 2>/dev/null | wc -l; }
if command -v timeout >/dev/null 2>&1; then
    # different questions: equal samples copy each other's features and would be done at once
    i=0
    while [ $i -lt 4000 ]; do
        echo '{"question":"question number '$i'","label":"a"}'; i=$((i + 1))
    done >"$scratch/long.jsonl"
    mkdir "$scratch/stop"
    stop INT 130 0
    stop TERM 143 "$(rows)" # and goes on where it was

    # predict without --out: the lines that are finished come out. The first signals may come before the first
    # line.
    expect 0 '' run --quiet --model $qwen --train "$list" --test "$list" --out "$scratch/heads" --heads 2
    i=0
    while [ $i -lt 8 ]; do cat "$scratch/long.jsonl"; i=$((i + 1)); done >"$scratch/longer.jsonl"
    for seconds in 1 4 16; do
        timeout --foreground -s INT -k 60 $seconds "$savs" predict --quiet --model $qwen \
            --sav "$scratch/heads/sav.safetensors" \
            --input "$scratch/longer.jsonl" >"$scratch/out" 2>"$scratch/err" </dev/null
        [ ! -s "$scratch/out" ] || break
    done
    check 'stopped predict: whole lines' [ "$(tail -n 1 "$scratch/out" | cut -c 1,2)" = '{"' ]
    check 'stopped predict: says so' grep -q 'Ctrl-C.*predictions are on standard output' "$scratch/err"
else
    skip 'no timeout(1): Ctrl-C'
fi
report 'cli output'
