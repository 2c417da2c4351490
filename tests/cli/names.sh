#!/bin/sh
# Names that a file system allows and a text file or a terminal does not: what savs writes, savs reads back,
# and no byte of a name makes a terminal do anything. tools/golden/read_back.py asks Python the same.
. tests/cli/lib
needs_pictures 'cli names'

picture=golden/llava/images/8x11.png
esc=$(printf '\033') bell=$(printf '\007') latin=$(printf '\377') c1=$(printf '\302\233') nl='
'
turn=$(printf '\342\200\256')
run_on() { # run_on CODE PART COMMAND…: with the model
    want_code=$1 want_part=$2
    shift 2
    expect "$want_code" "$want_part" "$@" --model $llava --engine exact
}
# A byte that a terminal obeys, or one that is no UTF-8: none may come out of the program.
clean() { # clean FILE
    ! LC_ALL=C tr -d '\n -~\200-\376' <"$1" | LC_ALL=C grep -q . &&
        ! LC_ALL=C grep -qF -e "$c1" -e "$turn" -e "$latin" "$1"
}

# ---- a class that no file could name ----
folder=$scratch/bad
mkdir -p "$folder/b${latin}d" "$folder/ok"
if [ "$(cd "$folder" && ls | wc -l)" -ne 2 ] || ! [ -d "$folder/b${latin}d" ]; then
    skip "the file system takes no such names"
    report 'cli names'
fi
cp $picture "$folder/ok/a.png"
for name in "b${latin}d" "caf$(printf '\351')" "$(printf '\300\200')" "$(printf '\355\240\200')x"; do
    rm -rf "$folder"/[!o]*
    mkdir "$folder/$name"
    cp $picture "$folder/$name/a.png"
    run_on 1 'a class whose name is no UTF-8' encode --input "$folder" --store "$scratch/s" --question x
    check 'the byte is named' grep -q '\\x[c-f]' "$scratch/err"
    check 'and does not come out' clean "$scratch/err"
    check 'no store was begun' [ ! -e "$scratch/s" ]
    run_on 1 'no UTF-8' run --train "$folder" --test "$folder" --out "$scratch/o" --question x
    run_on 0 'left out' encode --input "$folder" --store "$scratch/s" --question x --skip-bad --json
    check 'the others are there' grep -q '"rows":1' "$scratch/out"
    run_on 0 '' encode --input "$folder" --store "$scratch/s" --question x --skip-bad --quiet --json
    check 'and the store goes on' grep -q '"present":1' "$scratch/out"
    rm -rf "$scratch/s"
done

# ---- classes of any other name, pictures of any name at all ----
folder=$scratch/classes
for name in "${esc}[2J${esc}]0;owned$bell" "a${nl}b" "q\"b\\" "${c1}31m" "${turn}gnp.x" \
    "caf$(printf '\303\251')"; do
    mkdir -p "$folder/$name"
    cp $picture "$folder/$name/p${latin}.png"
    cp golden/llava/images/49x61.png "$folder/$name/${esc}[31m${nl}.png"
done
run_on 0 '' encode --input "$folder" --store "$scratch/store" --question x
check 'encode: stdout' clean "$scratch/out"
check 'encode: stderr' clean "$scratch/err"
check 'index.jsonl' clean "$scratch/store/index.jsonl"
run_on 0 '' encode --input "$folder" --store "$scratch/store" --question x --json
check 'the store goes on' grep -q '"present":12' "$scratch/out"
expect 0 '' fit --store "$scratch/store" --out "$scratch/sav.safetensors" --heads 3
check 'fit: stdout' clean "$scratch/out"
expect 0 '' fit --store "$scratch/store" --out "$scratch/sav.safetensors" --heads 3 --json
check 'fit --json' clean "$scratch/out"
expect 0 '' predict --sav "$scratch/sav.safetensors" --store "$scratch/store"
check 'predict --store' clean "$scratch/out"
run_on 0 '' predict --sav "$scratch/sav.safetensors" --image "$folder"/q*/p*.png --question x
check 'predict --image' clean "$scratch/out"
run_on 0 '' predict --sav "$scratch/sav.safetensors" --image "$folder"/q*/p*.png --question x --json
check 'predict --image --json' clean "$scratch/out"
run_on 0 '' run --train "$folder" --test "$folder" --out "$scratch/out-folder" --question x --heads 3
check 'run: stdout' clean "$scratch/out"
run_on 0 '' run --train "$folder" --test "$folder" --out "$scratch/out-folder" --question x --heads 3 --json
check 'run --json' clean "$scratch/out"
for file in predictions.jsonl metrics.json; do check "run: $file" clean "$scratch/out-folder/$file"; done
expect 0 '' predict --sav "$scratch/out-folder/sav.safetensors" --store "$scratch/store" --json
for pictures in "$folder"/*; do
    expect 0 '' show pixels --model $llava --image "$pictures"/*
    check 'show pixels' clean "$scratch/out"
    expect 0 '' show pixels --model $llava --image "$pictures"/* --json
    check 'show pixels --json' clean "$scratch/out"
done
expect 0 '' show samples --input "$folder" --question x
check 'show samples' clean "$scratch/out"

# ---- names on the command line ----
for name in "no${esc}[31m" "no$latin" "no$c1" "no$turn" "no${nl}x"; do
    run_on 1 '' predict --sav "$name" --image $picture
    check 'an error' clean "$scratch/err"
    expect 2 '' "$name"
    check 'no such command' clean "$scratch/err"
    expect 2 '' fit "--$name" x
    check 'no such option' clean "$scratch/err"
    run_on 1 '' encode --input "$name" --store "$scratch/x"
    check 'no such list' clean "$scratch/err"
done
# ---- a path is named once ----
once() { [ "$(grep -oF "$1" "$scratch/err" | wc -l)" -eq 1 ]; }
mkdir -p "$scratch/loose" && printf x >"$scratch/loose/broken.png"
for bad in /dev/null "$scratch/none.png" "$scratch/loose" "$scratch/loose/broken.png"; do
    printf '{"image":"%s","question":"x","label":"y"}\n' "$bad" >"$scratch/bad.jsonl"
    printf '[{"role":"user","content":[{"type":"image","image":"%s"}]}]' "$bad" >"$scratch/bad.json"
    run_on 1 "$bad" predict --sav "$scratch/sav.safetensors" --image "$bad" --question x --quiet
    check "predict --image $bad" once "$bad"
    expect 1 "$bad" show pixels --model $llava --image "$bad"
    check "show pixels --image $bad" once "$bad"
    run_on 1 "$bad" dump --messages "$scratch/bad.json" --out "$scratch/x"
    check "dump $bad" once "$bad"
    run_on 1 'bad.jsonl:1: ' encode --input "$scratch/bad.jsonl" --store "$scratch/x.store" --quiet
    check "encode $bad" once "$bad"
    run_on 1 "$bad" encode --input "$bad" --store "$scratch/x.store" --quiet --question x
done

report 'cli names'
