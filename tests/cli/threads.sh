#!/bin/sh
# How idle threads wait: a short spin, unless the user says otherwise. OpenMP's library tells what it read.
. tests/cli/lib
unset OMP_WAIT_POLICY GOMP_SPINCOUNT KMP_BLOCKTIME # tests/run sets the first

# waits FILE VARIABLE=VALUE...: what OpenMP's library read, its own words
waits() {
    file=$scratch/$1
    shift
    env "$@" OMP_DISPLAY_ENV=verbose "$savs" dump --model $qwen --messages golden/qwen2/window.messages.json \
        --out "$scratch/dump" >/dev/null 2>"$file" </dev/null
}
reads() { # reads WHAT VALUE NAME [VARIABLE=VALUE...]: it read this value
    what=$1 value=$2 name=$3
    shift 3
    waits shown "$@" X=
    check "$what: $(grep "$name" "$scratch/shown")" grep -qE "$name *= *'$value'" "$scratch/shown"
}

waits first X=
if grep -q "GOMP_SPINCOUNT" "$scratch/first"; then
    if ldd "$savs" 2>/dev/null | grep -q musl; then
        skip 'musl starts its libraries before any of the program'
    else
        reads 'by default' 1000 GOMP_SPINCOUNT
        reads 'one more variable' 1000 GOMP_SPINCOUNT OMP_NUM_THREADS=2
        reads 'the program changes into no folder' 1000 GOMP_SPINCOUNT PWD=/ HOME= PATH=/nowhere
    fi
    reads 'the user wants none' 0 GOMP_SPINCOUNT GOMP_SPINCOUNT=0
    reads 'the user wants more' 77 GOMP_SPINCOUNT GOMP_SPINCOUNT=77
    reads 'the user wants spinning' 30000000000 GOMP_SPINCOUNT OMP_WAIT_POLICY=active
    reads 'a policy without spinning' 0 GOMP_SPINCOUNT OMP_WAIT_POLICY=passive
elif grep -q 'OMP_WAIT_POLICY' "$scratch/first"; then # LLVM's
    reads 'by default' PASSIVE OMP_WAIT_POLICY
    reads 'the user wants spinning' ACTIVE OMP_WAIT_POLICY OMP_WAIT_POLICY=active
else
    skip 'built without OpenMP'
fi

# An environment without a variable to borrow: the program runs as it would
env -i "$savs" show tokens --model $qwen --text README.md >"$scratch/bare" 2>"$scratch/err" </dev/null
judge 0 '' 'env -i savs show tokens'
"$savs" show tokens --model $qwen --text README.md >"$scratch/usual" 2>"$scratch/err" </dev/null
check 'the same without an environment' cmp -s "$scratch/bare" "$scratch/usual"

report 'cli threads'
