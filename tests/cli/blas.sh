#!/bin/sh
# OpenBLAS is loaded when --engine blas is chosen and at no other time; the program starts in little memory.
. tests/cli/lib
forward="dump --model $qwen --messages golden/qwen2/window.messages.json --out $scratch/dump"

expect 0 '' --version
check 'the version names BLAS' grep -q '^BLAS: ' "$scratch/out"
how=$(sed -n 's/^BLAS: //p' "$scratch/out")

# A small address space holds the program, which once waited for OpenBLAS's threads for ever
if (ulimit -v 60000 && exec "$savs" --version) >"$scratch/out" 2>"$scratch/err" </dev/null &&
    [ -s "$scratch/out" ]; then
    pass
elif [ "$(uname -s)" != Linux ] || nm "$savs" 2>/dev/null | grep -q __asan_init; then
    skip 'no address space of 60 MB: a sanitizer, or not Linux'
else
    fail 'savs --version in 60 MB of address space'
fi

# With blas chosen it needs room for OpenBLAS's buffers, and says so; OpenBLAS itself would try for ever
for room in 60000 150000 250000; do
    if [ "$how" = none ] || [ "$(uname -s)" != Linux ] || nm "$savs" 2>/dev/null | grep -q __asan_init; then
        skip "no engine blas in $room KiB: $how, a sanitizer, or not Linux"
        continue
    fi
    # shellcheck disable=SC2086 # words
    (ulimit -v $room && exec $limit "$savs" $forward --engine blas --threads 2) >"$scratch/out" \
        2>"$scratch/err" </dev/null
    judge 1 "no memory for OpenBLAS's buffers" "engine blas in $room KiB"
    # shellcheck disable=SC2086
    (ulimit -v $room && exec $limit "$savs" $forward --engine panel --threads 2) >"$scratch/out" \
        2>"$scratch/err" </dev/null
    judge 0 '' "engine panel in $room KiB"
done

loads() { # loads arguments...: the program's loader names OpenBLAS among the files it opens
    LD_DEBUG=files "$savs" "$@" >/dev/null 2>"$scratch/err" </dev/null
    grep -q 'file=libopenblas' "$scratch/err"
}
case $how in
OpenBLAS,\ loaded*)
    # shellcheck disable=SC2086 # $forward is words
    if ! LD_DEBUG=files "$savs" --version 2>&1 </dev/null | grep -q 'file=lib'; then
        skip 'this loader does not tell what it loads'
    elif ! "$savs" $forward --engine blas 2>"$scratch/err" </dev/null; then
        skip 'OpenBLAS is not installed'
        check 'and the message says so' grep -qF 'engine blas: cannot load OpenBLAS' "$scratch/err"
    else
        check 'blas loads it' loads $forward --engine blas
        check 'info --verify tries it' loads info --model $qwen --verify
        for engine in panel exact; do
            check "$engine does not" eval '! loads $forward --engine $engine'
        done
        check 'the default engine does not' eval '! loads $forward'
        check 'the version does not' eval '! loads --version'
        check 'the help does not' eval '! loads dump --help'
    fi
    ;;
OpenBLAS,\ linked | none) skip "BLAS: $how" ;;
*) fail "BLAS: $how" ;;
esac

report 'cli blas'
