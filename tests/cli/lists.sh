#!/bin/sh
# Lists, messages and pictures that cannot be: the complaint names the list and its line; --skip-bad goes on
# and counts.
. tests/cli/lib

pictures=$(pwd)/golden/llava/images
some=$pictures/$(cd "$pictures" && for f in *.png; do echo "$f"; break; done)
train=$scratch/train.jsonl test=$scratch/test.jsonl

line() { printf '{"question":"%s","label":"%s"}\n' "$1" "$2"; }
{ line one a; line two b; line three a; line four b; } >"$train"
{ line five a; line six b; } >"$test"
run() { # run CODE PART options...
    code=$1 part=$2
    shift 2
    rm -rf "$scratch/out-folder"
    expect "$code" "$part" run --quiet --model $qwen --train "$train" --test "$test" \
        --out "$scratch/out-folder" --heads 3 "$@"
}
show() { # show CODE PART TEXT options...: the list as a list
    printf '%b' "$3" >"$scratch/list.jsonl"
    code=$1 part=$2
    shift 3
    expect "$code" "$part" show samples --input "$scratch/list.jsonl" "$@"
}

# ---- a good one first ----
run 0 ''
for file in sav.safetensors predictions.jsonl metrics.json; do
    check "$file is written" [ -s "$scratch/out-folder/$file" ]
done
check 'a prediction a sample' [ "$(wc -l <"$scratch/out-folder/predictions.jsonl")" -eq 2 ]

# ---- training lists ----
good=$train
train=$scratch/empty.jsonl; : >"$train"
run 1 empty.jsonl
train=$scratch/nowhere.jsonl
run 1 nowhere.jsonl
train=$scratch/one.jsonl; { line one a; line two b; line three a; } >"$train"
run 0 '' # a class with one example works
# and warns
expect 0 'b' run --model $qwen --train "$train" --test "$test" --out "$scratch/out-folder" --heads 3
train=$scratch/unlabelled.jsonl; { line one a; printf '{"question":"two"}\n'; } >"$train"
run 1 unlabelled.jsonl:2
train=$good

# ---- test lists ----
test=$scratch/empty.jsonl
run 1 empty.jsonl
test=$scratch/other.jsonl; { line five a; line six zebra; } >"$test"
# a label never trained on
expect 0 zebra run --model $qwen --train "$train" --test "$test" --out "$scratch/out-folder" --heads 3
test=$scratch/bare.jsonl; printf '{"question":"five"}\n' >"$test"
run 0 '' # predict without scoring
test=$scratch/test.jsonl

# ---- records ----
show 1 list.jsonl:2 '{"question":"a"}\n{"question":}\n'
show 1 list.jsonl:1 '{"question":7}\n'
show 1 list.jsonl:3 '{"question":"a"}\n\n["b"]\n'
show 1 list.jsonl:1 '{"question":"<image> <image>","image":"a.png"}\n'
show 1 list.jsonl:1 '{"image":{"a":1},"question":"b"}\n'
show 1 list.jsonl:1 '{"question":"a","label":["x"]}\n'
show 1 list.jsonl '[{"question":"a"},\n'
show 1 list.jsonl:2 '[{"question":"a"},\n{"question":1}]\n'
show 1 list.jsonl '\0\0\0\0'
show 1 list.jsonl '"\\ud800"\n'
show 0 list.jsonl:2 '{"question":"a"}\n{"question":}\n{"question":"c"}\n' --skip-bad
check 'two samples are left' [ "$(wc -l <"$scratch/out")" -eq 2 ]
expect 0 '' show samples --input "$test"
printf '{"question":"from stdin"}\n' | $limit "$savs" show samples --input - >"$scratch/out" 2>"$scratch/err"
judge 0 '' 'show samples --input -'
printf '\357\273\277{"question":"a"}\r\n\r\n{"question":"b","images":["file:///x.png"]}\r\n' |
    $limit "$savs" show samples --input - --image-root "$scratch" >"$scratch/out" 2>"$scratch/err"
judge 0 '' 'show samples --input - of a file of Windows'
check 'two samples, and a path below --image-root' grep -qF "\"$scratch/x.png\"" "$scratch/out"

# ---- keys ----
record() { printf '{"%s":"%s","question":"what","label":"%s"}\n' "$1" "$some" "$2"; }
{ record img a; record img b; } >"$scratch/keys.jsonl"
expect 1 'no sample has a picture, and what is not read: "img" (did you mean "image"?)' \
    encode --quiet --model $llava --input "$scratch/keys.jsonl" --store "$scratch/store3"
{ record image a; record image b; } >"$scratch/good.jsonl"
expect 1 'keys.jsonl: no sample has a picture' run --quiet --model $llava --train "$scratch/good.jsonl" \
    --test "$scratch/keys.jsonl" --out "$scratch/out-folder" --heads 3
expect 0 'a key is not read: "img"' encode --model $qwen --input "$scratch/keys.jsonl" \
    --store "$scratch/store3"
{ record image_path a; record images b; } >"$scratch/keys.jsonl"
expect 0 '' encode --quiet --model $llava --input "$scratch/keys.jsonl" --store "$scratch/store4"
printf 'image,label\na.png,cat\n' >"$scratch/list.csv"
expect 1 'list.csv: found a CSV file' show samples --input "$scratch/list.csv"

# ---- folders ----
mkdir "$scratch/holiday"
cp "$some" "$scratch/holiday/b.png"; cp "$some" "$scratch/holiday/a.png"
echo hello >"$scratch/holiday/notes.txt"
expect 0 'skipped 1 file that is no picture (notes.txt)' show samples --input "$scratch/holiday" \
    --question Which?
check 'a sample a picture' [ "$(wc -l <"$scratch/out")" -eq 2 ]
expect 1 'no class folders' encode --quiet --model $llava --input "$scratch/holiday" --store "$scratch/store"
expect 1 'into a sub-folder' run --quiet --model $llava --train "$scratch/holiday" --test "$test" \
    --out "$scratch/out-folder"

# ---- pictures ----
picture() { # picture CODE PART PATH: a test record with this picture
    printf '{"question":"what","label":"a"}\n{"image":"%s","question":"what","label":"b"}\n' "$3" \
        >"$scratch/pictures.jsonl"
    expect "$1" "$2" encode --quiet --model $llava --input "$scratch/pictures.jsonl" --store "$scratch/store"
    rm -rf "$scratch/store"
}
picture 1 pictures.jsonl:2 missing.png
mkdir "$scratch/folder.png"; picture 1 pictures.jsonl:2 folder.png
mkfifo "$scratch/fifo.png"; picture 1 pictures.jsonl:2 fifo.png
picture 1 pictures.jsonl:2 /dev/null
picture 1 pictures.jsonl:2 /dev/zero
: >"$scratch/empty.png"; picture 1 pictures.jsonl:2 empty.png
head -c 100 "$some" >"$scratch/cut.png"; picture 1 pictures.jsonl:2 cut.png
printf 'BM\066\0\0\0\0\0\0\0\066\0\0\0\050\0\0\0' >"$scratch/bmp.png"; picture 1 BMP bmp.png
printf 'II*\0\010\0\0\0' >"$scratch/tiff.png"; picture 1 TIFF tiff.png
printf 'GIF89a\001\0\001\0' >"$scratch/gif.png"; picture 1 GIF gif.png
printf 'RIFF\044\0\0\0WEBPVP8 ' >"$scratch/webp.png"; picture 1 WebP webp.png
printf 'hello\n' >"$scratch/text.png"; picture 1 pictures.jsonl:2 text.png
printf 'P6 1 1 255\nabc' >"$scratch/one.ppm"; picture 0 '' one.ppm
{ printf 'P6 30000 1 255\n'; head -c 90000 /dev/zero; } >"$scratch/wide.ppm"; picture 0 '' wide.ppm
printf 'P6 99999 99999 255\nabc' >"$scratch/bomb.ppm"; picture 1 pictures.jsonl:2 bomb.ppm
printf \
    '{"image":"missing.png","question":"a","label":"a"}\n{"image":"one.ppm","question":"b","label":"b"}\n' \
    >"$scratch/pictures.jsonl"
expect 0 pictures.jsonl:1 encode --model $llava --input "$scratch/pictures.jsonl" --store "$scratch/store" \
    --skip-bad
# a text model sees no pictures
expect 1 '' encode --quiet --model $qwen --input "$scratch/pictures.jsonl" --store "$scratch/store2"

# ---- messages ----
say() { # say CODE PART TEXT
    printf '%b' "$3" >"$scratch/messages.json"
    expect "$1" "$2" dump --engine exact --quiet --model $llava --messages "$scratch/messages.json" \
        --out "$scratch/dump.safetensors"
}
say 1 messages.json '{'
say 1 messages.json '[]'
say 1 messages.json '[{"role":"user"}]'
say 1 messages.json '[{"role":"user","content":[{"type":"smell","smell":"x"}]}]'
say 1 missing.png '[{"role":"user","content":[{"type":"image","image":"missing.png"}]}]'
say 0 '' '{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}'
report 'cli lists'
