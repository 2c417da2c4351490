#!/bin/sh
# A list is mended and encoded again: the store says so with numbers, and --input LIST says which rows
# count. A fit on them is that of a store which never had others.
. tests/cli/lib

list() { # list LABELS: a question each
    n=0
    for label in "$@"; do
        printf '{"question":"question %d","label":"%s","question_id":%d}\n' $n "$label" $n; n=$((n + 1))
    done
}
list a b a b a b a b >"$scratch/first.jsonl"
list a b a b a a a c >"$scratch/mended.jsonl" # two labels are others
list a b a b >"$scratch/short.jsonl"
tail -n 5 "$scratch/mended.jsonl" >"$scratch/turned.jsonl"
head -n 3 "$scratch/mended.jsonl" >>"$scratch/turned.jsonl"
encode() { # encode PART LIST STORE
    expect 0 "$1" encode --engine exact --model $qwen --input "$scratch/$2.jsonl" --store "$scratch/$3"
}
fit() { # fit PART STORE NAME options...
    part=$1 store=$2 name=$3
    shift 3
    expect 0 "$part" fit --heads 3 --store "$scratch/$store" --out "$scratch/$name.safetensors" "$@"
}
quiet() { check "$1: nothing is said" [ ! -s "$scratch/err" ]; }
same() { check "$1 = $2" cmp "$scratch/$1.safetensors" "$scratch/$2.safetensors"; }

encode '' first store
quiet 'a new store'
encode '' first store
quiet 'the same list'
encode 'store: 2 rows have another label or question_id in this list: fit takes both' mended store
check 'ten rows' [ "$(wc -l <"$scratch/store/index.jsonl")" -eq 10 ]
check 'two were appended, none computed' grep -q '0 computed, 2 equal to another sample, 6 there before' \
    "$scratch/out"
for name in first mended short turned; do # what is right: stores that never had others
    encode '' $name "alone-$name"
    fit '' "alone-$name" "alone-$name"
done
fit '2 rows are of samples that stand there under another label too' store all
check 'and takes them all' sh -c "! cmp -s '$scratch/all.safetensors' '$scratch/alone-mended.safetensors'"
for name in first mended short turned; do
    fit '' store $name --input "$scratch/$name.jsonl"
    check "$name: no word of other labels" sh -c "! grep -q 'another label' '$scratch/err'"
    same $name alone-$name
done
encode '6 rows are of samples that this list does not have' short store

# a picture or question that was never encoded; --skip-bad leaves it out; the model is not needed
{ cat "$scratch/mended.jsonl"; printf '{"question":"never","label":"a"}\n'; } >"$scratch/more.jsonl"
expect 1 'more.jsonl:9: found no features of this sample in' fit --heads 3 --store "$scratch/store" \
    --out "$scratch/more.safetensors" --input "$scratch/more.jsonl"
check 'nothing is written' [ ! -e "$scratch/more.safetensors" ]
fit 'left out: ' store more --input "$scratch/more.jsonl" --skip-bad
same more alone-mended
printf '{"question":"never","label":"a"}\n' >"$scratch/never.jsonl"
expect 1 'none of its samples has features' fit --heads 3 --store "$scratch/store" --out "$scratch/x" \
    --input "$scratch/never.jsonl" --skip-bad
printf '{"question":"question 1"}\n' >"$scratch/bare.jsonl"
expect 1 'found no label' fit --heads 3 --store "$scratch/store" --out "$scratch/x" \
    --input "$scratch/bare.jsonl"
# a label under which nothing was encoded: only the list says it
sed 's/"label":"c"/"label":"d"/' "$scratch/mended.jsonl" >"$scratch/d.jsonl"
fit '' store d --input "$scratch/d.jsonl"
check 'the list gives the labels' grep -aq '\\"2\\":\\"d\\"' "$scratch/d.safetensors"
# --shots draws among the list's
fit '' alone-mended shots-alone --shots 1 --seed 5
fit '' store shots --shots 1 --seed 5 --input "$scratch/mended.jsonl"
same shots shots-alone

# picture options are part of a sample: those of encode have to be given
printf 'P6 2 2 255\nabcdefghijkl' >"$scratch/a.ppm"
printf 'P6 2 2 255\nlkjihgfedcba' >"$scratch/b.ppm"
for n in a b a; do printf '{"image":"%s.ppm","question":"?","label":"%s"}\n' $n $n; done \
    >"$scratch/pictures.jsonl"
expect 0 '' encode --engine exact --model $llava --pillow 13 --input "$scratch/pictures.jsonl" \
    --store "$scratch/seen"
expect 1 'give the same picture options here' fit --heads 3 --store "$scratch/seen" --out "$scratch/x" \
    --input "$scratch/pictures.jsonl"
fit '' seen seen
fit '' seen seen-list --pillow 13 --input "$scratch/pictures.jsonl"
same seen seen-list

# ---- predict on some rows of a store: the list's lines ----
predict() { # predict OUT options...
    out=$1
    shift
    expect 0 '' predict --quiet --sav "$scratch/mended.safetensors" --out "$scratch/$out.jsonl" "$@"
}
for name in mended turned short bare; do
    predict model --engine exact --model $qwen --input "$scratch/$name.jsonl"
    predict store --store "$scratch/store" --input "$scratch/$name.jsonl"
    check "the predictions of $name" cmp "$scratch/model.jsonl" "$scratch/store.jsonl"
done
expect 1 'never.jsonl:1: found no features' predict --sav "$scratch/mended.safetensors" \
    --store "$scratch/store" \
    --input "$scratch/never.jsonl"
expect 2 '--image' predict --sav "$scratch/mended.safetensors" --store "$scratch/store" --image a.png
report 'cli mended'
