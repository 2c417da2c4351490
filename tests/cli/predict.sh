#!/bin/sh
# predict, a line a picture: several pictures of --image, pictures that belong together, folders. The right
# votes are those of golden/fewshot/predictions.jsonl, which Python wrote.
. tests/cli/lib
needs_pictures 'cli predict'

lists=golden/fewshot
images=$lists/images
asked='What is this?'
exact="--engine exact --threads 1 --model $llava"
sav=$scratch/run/sav.safetensors
# shellcheck disable=SC2086
expect 0 '' run $exact --quiet --heads 5 --train $lists/train.jsonl --test $lists/test.jsonl \
    --out "$scratch/run"
predict() { # predict CODE PART options...
    code=$1 part=$2
    shift 2
    # shellcheck disable=SC2086
    expect "$code" "$part" predict --sav "$sav" $exact "$@"
}
prints() { # prints WHAT: stdout is standard input of this function
    cat >"$scratch/want"
    check "$1" cmp "$scratch/want" "$scratch/out"
}
json() { # json LINE…: these golden lines as a list of pictures would have them, one JSON array
    for n in "$@"; do
        sed -n "${n}p" $lists/predictions.jsonl
    done
}

# ---- several pictures: a line each, in their order ----
predict 0 '' --question "$asked" --image $images/test0.png $images/test2.jpg $images/test1.png
check 'nothing on stderr' [ ! -s "$scratch/err" ]
prints 'three pictures' <<END
$images/test0.png: moss: 4 of 5 votes (sea 1)
$images/test2.jpg: moss: 3 of 5 votes (brick 2)
$images/test1.png: sea: 4 of 5 votes (brick 1)
END
predict 0 '' --question "$asked" --image $images/train3.png
prints 'one picture' <<END
$images/train3.png: brick: 5 of 5 votes
END
# the option twice, and one picture twice
predict 0 '' --question "$asked" --image $images/test3.png --image $images/test0.png $images/test3.png
prints 'a picture named twice' <<END
$images/test3.png: sea: 4 of 5 votes (brick 1)
$images/test0.png: moss: 4 of 5 votes (sea 1)
$images/test3.png: sea: 4 of 5 votes (brick 1)
END

# ---- JSON: one document, with the pictures as they were named ----
predict 0 '' --json --question "$asked" --image $images/test0.png $images/test1.png
json 1 2 | sed -e 's/"question_id":[0-9]*/"question_id":null/' -e 's/"label":"[a-z]*"/"label":null/' \
    -e 's/"correct":[a-z]*/"correct":null/' -e "s,images/,$images/," >"$scratch/lines"
{ printf '['; tr '\n' ',' <"$scratch/lines" | sed 's/,$//'; echo ']'; } | prints 'two pictures as JSON'
predict 0 '' --question "$asked" --image $images/test0.png $images/test1.png --out "$scratch/two.jsonl"
check 'the lines of --out' cmp "$scratch/lines" "$scratch/two.jsonl"
check 'nothing was labelled, nothing is scored' [ ! -s "$scratch/out" ]

# ---- pictures that belong together ----
predict 0 '' --together --question 'Is <image> like <image>?' --image $images/test0.png $images/test1.png
prints 'two pictures of one question' <<END
sea: 2 of 5 votes (moss 2, brick 1)
END
predict 0 '' --together --json --question 'Is <image> like <image>?' \
    --image $images/test0.png $images/test1.png
check 'both are named' grep -q "^\[{\"index\":0,\"image\":\[\"$images/test0.png\",\"$images/test1.png\"\]," \
    "$scratch/out"
predict 1 '2 <image> placeholders for 1 picture' --question 'Is <image> like <image>?' \
    --image $images/test0.png $images/test1.png
predict 2 '--together' --together --input $lists/test.jsonl

# ---- no answer: the best class is named all the same ----
predict 0 '' --min-margin 4 --question "$asked" --image $images/test0.png $images/train3.png
prints 'below --min-margin' <<END
$images/test0.png: no answer: moss has 4 of 5 votes (sea 1)
$images/train3.png: brick: 5 of 5 votes
END

# ---- a folder of class folders: a line a picture, labels score ----
mkdir -p "$scratch/album/moss" "$scratch/album/sea"
cp $images/test0.png "$scratch/album/moss/a b.png"
cp $images/test1.png "$scratch/album/sea/2.png"
predict 0 'accuracy 1.0000' --question "$asked" --input "$scratch/album"
prints 'a folder' <<END
$scratch/album/moss/a b.png: moss: 4 of 5 votes (sea 1)
$scratch/album/sea/2.png: sea: 4 of 5 votes (brick 1)
END
predict 0 '' --quiet --question "$asked" --input "$scratch/album" --out "$scratch/album.jsonl"
check 'paths from the folder on' grep -q '^{"index":0,"image":"moss/a b.png",' "$scratch/album.jsonl"
printf 'accuracy 1.0000 (95 %% interval 0.3424 to 1.0000): 2 of 2\n' | prints 'the score beside --out'

# ---- a folder of pictures alone: labels are not needed, and nothing is scored ----
mkdir "$scratch/holiday"
cp $images/test0.png "$scratch/holiday/a.png"
cp $images/test2.jpg "$scratch/holiday/Photo 2.JPG"
cp $images/train3.png "$scratch/holiday/c"
: >"$scratch/holiday/Thumbs.db"
predict 0 '' --question "$asked" --input "$scratch/holiday"
check 'nothing else is said' [ ! -s "$scratch/err" ]
prints 'a folder of pictures' <<END
$scratch/holiday/Photo 2.JPG: moss: 3 of 5 votes (brick 2)
$scratch/holiday/a.png: moss: 4 of 5 votes (sea 1)
$scratch/holiday/c: brick: 5 of 5 votes
END
predict 0 '' --question "$asked" --input "$scratch/holiday" --json
check 'no label, not correct' grep -q \
    '^\[{"index":0,"image":"Photo 2.JPG",.*"label":null,"prediction":"moss","correct":null' \
    "$scratch/out"
predict 0 '' --question "$asked" --input "$scratch/holiday" --out "$scratch/holiday.jsonl"
check 'no accuracy' [ ! -s "$scratch/out" ]
check 'a line a picture' [ "$(wc -l <"$scratch/holiday.jsonl")" -eq 3 ]

# ---- what all training examples were asked is asked by default ----
head -n 8 $lists/train.jsonl >"$scratch/same.jsonl"
# shellcheck disable=SC2086
expect 0 '' encode $exact --quiet --image-root $lists --input "$scratch/same.jsonl" --store "$scratch/same"
expect 0 '' fit --quiet --heads 5 --store "$scratch/same" --out "$scratch/same.safetensors"
check 'the question is in the file' grep -aq '"question":"What is this?"' "$scratch/same.safetensors"
check 'and not when there are several' sh -c "! grep -aq '\"question\":' '$sav'"
# shellcheck disable=SC2086
expect 0 '' run $exact --quiet --heads 5 --image-root $lists --train "$scratch/same.jsonl" \
    --test $lists/test.jsonl \
    --out "$scratch/asked"
check 'run writes it too' cmp "$scratch/same.safetensors" "$scratch/asked/sav.safetensors"
several=$sav sav=$scratch/same.safetensors
predict 0 '' --question "$asked" --image $images/test0.png $images/test1.png
cp "$scratch/out" "$scratch/with"
check 'nothing is said' [ ! -s "$scratch/err" ]
predict 0 'asked as in the fit: What is this?' --image $images/test0.png $images/test1.png
check 'the same votes without --question' cmp "$scratch/with" "$scratch/out"
predict 0 '' --question "$asked" --input "$scratch/holiday"
cp "$scratch/out" "$scratch/with"
predict 0 'asked as in the fit' --input "$scratch/holiday"
check 'nor for a folder' cmp "$scratch/with" "$scratch/out"
predict 0 'the training examples were asked "What is this?"' --question 'What is that?' \
    --image $images/test0.png
sav=$several
predict 0 'does not say what the training examples were asked' --image $images/test0.png
# a store from before rows had questions
sed 's/,"image":.*,"crc32"/,"crc32"/' "$scratch/same/index.jsonl" >"$scratch/older"
cp "$scratch/older" "$scratch/same/index.jsonl"
expect 0 '' fit --quiet --heads 5 --store "$scratch/same" --out "$scratch/old.safetensors"
check 'an old store has no question' sh -c "! grep -aq '\"question\":' '$scratch/old.safetensors'"
expect 0 '' predict --sav "$scratch/old.safetensors" --store "$scratch/same"
check 'and no pictures' grep -q '^{"index":0,"image":null,' "$scratch/out"
# --shots: only the examples taken count
# shellcheck disable=SC2086
expect 0 '' run $exact --quiet --heads 5 --train $lists/train.jsonl --test $lists/test.jsonl --shots 1 \
    --seed 3 \
    --out "$scratch/one"
check 'the question of those drawn' grep -aq '"question":"What is this?"' "$scratch/one/sav.safetensors"

# ---- another model's classifier ----
copy_model $llava other
sed 's/{/{ /' $llava/config.json >"$model/config.json"
other=$model
refused() { # refused options...: but for --any-model
    expect 1 "$sav: fitted with $llava (" predict --sav "$sav" "$@"
    check 'how to go on' grep -q -e '--any-model' "$scratch/err"
    check 'no votes' [ ! -s "$scratch/out" ]
    expect 0 'was fitted with another model' predict --any-model --sav "$sav" "$@"
}
refused --engine exact --model "$other" --question "$asked" --image $images/test0.png
prints 'its votes all the same' <<END
$images/test0.png: moss: 4 of 5 votes (sea 1)
END
refused --engine exact --model "$other" --input $lists/test.jsonl --out "$scratch/other.jsonl"
expect 0 '' encode --quiet --engine exact --model "$other" --input $lists/test.jsonl \
    --store "$scratch/other-store"
refused --store "$scratch/other-store"
# a folder that quantize made, and what it was made of, are one model
expect 0 '' quantize --quiet --model $llava --out "$scratch/int8"
expect 0 'one is made of the other by quantize' predict --sav "$sav" --model "$scratch/int8" \
    --question "$asked" \
    --image $images/test0.png
# shellcheck disable=SC2086
expect 0 '' run --model "$scratch/int8" --quiet --heads 5 --train $lists/train.jsonl \
    --test $lists/test.jsonl \
    --out "$scratch/int8-run"
sav=$scratch/int8-run/sav.safetensors
predict 0 'one is made of the other by quantize' --question "$asked" --image $images/test0.png
expect 0 '' predict --sav "$sav" --model "$scratch/int8" --question "$asked" --image $images/test0.png
check 'nothing is said of its own' [ ! -s "$scratch/err" ]
expect 0 '' quantize --quiet --model $llava --group 32 --out "$scratch/int8-32"
expect 0 'one is made of the other by quantize' predict --sav "$sav" --model "$scratch/int8-32" \
    --question "$asked" \
    --image $images/test0.png
expect 0 'one is made of the other by quantize' predict --sav "$sav" --store "$scratch/run/test.store" \
    --out "$scratch/x"
expect 1 'fitted with' predict --sav "$sav" --model "$other" --engine exact --question "$asked" \
    --image $images/test0.png
sed 's/"source_sha256": "[0-9a-f]*"/"source_sha256": "abc"/' "$scratch/int8/config.json" >"$scratch/config"
cp "$scratch/config" "$scratch/int8-32/config.json"
expect 1 '"source_sha256": expected 64 digits' info --model "$scratch/int8-32"
sav=$several

# ---- a picture that cannot be read: found before the first forward, or those before it are kept ----
printf 'GIF89a\001\0\001\0' >"$scratch/b.gif"
head -c 120 $images/test0.png >"$scratch/cut.png"
predict 1 '--skip-bad' --question "$asked" --image $images/test0.png "$scratch/b.gif" $images/test1.png
check 'nothing was computed' [ ! -s "$scratch/out" ]
check 'its path stands once' grep -q "^savs: $scratch/b.gif: found a GIF" "$scratch/err"
predict 1 '--skip-bad' --question "$asked" --image $images/test0.png "$scratch/cut.png" $images/test1.png
prints 'what was finished' <<END
$images/test0.png: moss: 4 of 5 votes (sea 1)
END
printf 'of before\n' >"$scratch/kept.jsonl"
predict 1 "$scratch/kept.jsonl.partial" --question "$asked" --out "$scratch/kept.jsonl" \
    --image $images/test0.png "$scratch/cut.png" $images/test1.png
check 'an earlier file stays' grep -qx 'of before' "$scratch/kept.jsonl"
check 'what was finished has a name of its own' [ "$(wc -l <"$scratch/kept.jsonl.partial")" -eq 1 ]
predict 0 "left out: $scratch/b.gif: found a GIF" --skip-bad --question "$asked" \
    --image $images/test0.png "$scratch/b.gif" $images/test1.png
prints 'and the rest' <<END
$images/test0.png: moss: 4 of 5 votes (sea 1)
$images/test1.png: sea: 4 of 5 votes (brick 1)
END
# ---- addresses, as lists take them ----
predict 0 '' --question "$asked" --image "file://$PWD/$images/test0.png"
check 'file:// is a path' grep -q 'moss: 4 of 5 votes' "$scratch/out"
predict 1 '--image: found the address' --question "$asked" --image https://example.org/a.png
report 'cli predict'
