#!/bin/sh
# Signals that the system sends for a file: too large (SIGXFSZ), cut under the program (SIGBUS).
. tests/cli/lib
needs_pictures 'cli signals'
tiny=data/tiny-llava-onevision
list=data/demo/count_shape/train.jsonl

# ---- a limit on the size of files ----
if [ "$(ulimit -f)" != unlimited ] || [ "$(uname -s)" != Linux ]; then
    skip 'files are limited already, or not Linux'
else
    head -n 30 $list | sed "s|\"image\": \"|&$(pwd)/data/demo/count_shape/|" >"$scratch/list.jsonl"
    "$savs" encode --model $tiny --input "$scratch/list.jsonl" --store "$scratch/store" --quiet \
        >"$scratch/out" 2>"$scratch/err" </dev/null
    judge 0 '' 'savs encode without a limit'
    # limited BLOCKS arguments...: exit 1, the system's words, no temporary file
    limited() {
        blocks=$1
        shift
        rm -rf "$scratch/to"
        mkdir "$scratch/to"
        said=$( (ulimit -f "$blocks" && exec "$savs" "$@" 2>&1 >/dev/null </dev/null))
        got=$?
        check "ulimit -f $blocks; savs $1: exit $got, $said" [ "$got" -eq 1 ]
        case $said in *'File too large'*) pass ;; *) fail "ulimit -f $blocks; savs $1: $said" ;; esac
        check "ulimit -f $blocks; savs $1: a temporary file" no_leftovers "$scratch/to"
    }
    for blocks in 0 1 8; do
        limited $blocks encode --model $tiny --input "$scratch/list.jsonl" --store "$scratch/to/store"
        limited $blocks fit --store "$scratch/store" --out "$scratch/to/a.sav"
        limited $blocks run --model $tiny --train "$scratch/list.jsonl" --test "$scratch/list.jsonl" \
            --out "$scratch/to/run"
        limited $blocks dump --model $qwen --messages golden/qwen2/window.messages.json \
            --out "$scratch/to/dump"
    done
fi

# ---- a file cut under the map ----
if [ "$(uname -s)" != Linux ]; then
    skip 'not Linux: no names of mappings'
    report 'cli signals'
fi
# cut SIZE NAME options...: while savs reads the 2 GB of FOLDER/NAME, all but SIZE bytes go: exit 1, one line
# with its path
cut() {
    size=$1 file=$scratch/cut/$2
    shift 2
    copy_model $qwen cut
    truncate -s 2G "$file" # a hole
    "$savs" info --verify --model "$model" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
    process=$! tries=0
    while ! grep -qF "$file" /proc/$process/maps 2>/dev/null && [ $tries -lt 600 ] && kill -0 $process; do
        tries=$((tries + 1))
        sleep 0.01
    done
    truncate -s "$size" "$file"
    wait $process
    judge 1 "savs: $file: cut short or unreadable" "cut to $size, savs info $*"
    check "cut to $size, savs info $*: $(wc -l <"$scratch/err") lines" [ "$(wc -l <"$scratch/err")" -eq 1 ]
    check "cut to $size, savs info $*: nothing on stdout" [ ! -s "$scratch/out" ]
}
cut 0 zz.bin
cut 4097 zz.bin --json
cut 1000000 'zz with blanks.bin' --quiet
cut 70000 'zz-größer.bin' --threads 1

# diff, whose 1 says "different": 2. Its dumps are mapped; a large stage of zeros takes a while to compare.
make_dump() { # make_dump FILE: one tensor of 2 GB, a hole
    header='{"x":{"dtype":"F32","shape":[536870000],"data_offsets":[0,2147480000]}}'
    printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header" >"$1"
    truncate -s $((8 + ${#header} + 2147480000)) "$1"
}
make_dump "$scratch/a"
make_dump "$scratch/b"
"$savs" diff "$scratch/a" "$scratch/b" >"$scratch/out" 2>"$scratch/err" </dev/null &
process=$! tries=0
while ! grep -qF "$scratch/b" /proc/$process/maps 2>/dev/null && [ $tries -lt 600 ] && kill -0 $process; do
    tries=$((tries + 1))
    sleep 0.01
done
truncate -s 1000 "$scratch/b"
wait $process
judge 2 "savs: $scratch/b: cut short or unreadable" 'a dump cut under savs diff'

# The shard itself, under a running encode: found by the next batch's look at the file, or by the signal
copy_model $tiny cut
"$savs" encode --model "$model" --input $list --store "$scratch/cut.store" --quiet >"$scratch/out" \
    2>"$scratch/err" </dev/null &
process=$! tries=0
while [ ! -s "$scratch/cut.store/index.jsonl" ] && [ $tries -lt 600 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
: >"$model/model.safetensors"
wait $process
judge 1 "savs: $model/model.safetensors: " 'a shard cut under savs encode'
check 'a shard cut under savs encode: one line' [ "$(wc -l <"$scratch/err")" -eq 1 ]

report 'cli signals'
