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
expect 0 '' run $exact --quiet --heads 5 --train $lists/train.jsonl --test $lists/test.jsonl --out "$scratch/run"
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
predict 0 '' --together --json --question 'Is <image> like <image>?' --image $images/test0.png $images/test1.png
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

# ---- a picture that cannot be read: those before it are printed, its path stands once ----
printf 'GIF89a\001\0\001\0' >"$scratch/b.gif"
predict 1 '--skip-bad' --question "$asked" --image $images/test0.png "$scratch/b.gif" $images/test1.png
prints 'what was finished' <<END
$images/test0.png: moss: 4 of 5 votes (sea 1)
END
check 'its path stands once' grep -q "^savs: $scratch/b.gif: found a GIF" "$scratch/err"
predict 0 "left out: $scratch/b.gif: found a GIF" --skip-bad --question "$asked" \
    --image $images/test0.png "$scratch/b.gif" $images/test1.png
prints 'and the rest' <<END
$images/test0.png: moss: 4 of 5 votes (sea 1)
$images/test1.png: sea: 4 of 5 votes (brick 1)
END
report 'cli predict'
