#!/bin/sh
# Weights that are no numbers or overflow: said once with sample, layer and count, never a confident answer.
. tests/cli/lib
needs_pictures 'cli nan'

picture=golden/llava/images/8x11.png
header=$(($(od -An -tu4 -N4 $llava/model.safetensors) + 8)) # the model has 3 layers of 6 heads of 10
size=$(wc -c <$llava/model.safetensors)
rest=$((size - header))
spoil() { # spoil NAME BYTES: the model with these bytes, repeated, for weights
    copy_model $llava "$1"
    printf "$2" >"$scratch/bytes"
    while [ "$(wc -c <"$scratch/bytes")" -lt $rest ]; do
        cat "$scratch/bytes" "$scratch/bytes" >"$scratch/more" && mv "$scratch/more" "$scratch/bytes"
    done
    { head -c $header $llava/model.safetensors; head -c $rest "$scratch/bytes"; } >"$model/model.safetensors"
}
place() { # place TENSOR: where its data begins in the file
    head -c $header $llava/model.safetensors |
        sed "s/.*\"$1\":{[^}]*\"data_offsets\":\[\([0-9]*\),.*/\1/" | tail -c 12 | tr -cd 0-9
}
poke() { # poke TENSOR BYTES: its first element
    at=$(($(place "$1") + header))
    printf "$2" | dd of="$model/model.safetensors" bs=1 seek=$at conv=notrunc 2>"$scratch/dd"
}
list=$scratch/list.jsonl id=0
for question in What How Who Why; do
    label=$([ $((id % 2)) = 0 ] && echo x || echo y)
    printf '{"image":"%s/%s","question":"%s?","question_id":%d,"label":"%s"}\n' \
        "$(pwd)" $picture $question $id "$label"
    id=$((id + 1))
done >"$list"
good() { # good CODE PART arguments…: predict by heads of a good model
    want_code=$1 want_part=$2
    shift 2
    expect "$want_code" "$want_part" predict --any-model --sav "$scratch/good.sav" "$@"
}
said() { [ "$(grep -c 'are infinite or NaN, from layer' "$scratch/err")" -eq 1 ]; }

expect 0 '' encode --model $llava --input "$list" --store "$scratch/good" --quiet
expect 0 '' fit --store "$scratch/good" --out "$scratch/good.sav" --heads 3 --quiet

for engine in panel exact; do
    # NaN, minus infinity, 1e30 (which overflows on the way), NaN of another payload
    for bytes in '\377\377\377\377' '\000\000\200\377' '\312\362\111\161' '\000\000\300\177'; do
        spoil bad "$bytes"
        rm -rf "$scratch/s" "$scratch/o"
        expect 0 "list.jsonl:1: 180 of 180 features are infinite or NaN, from layer 0 on" \
            encode --model "$model" --engine $engine --input "$list" --store "$scratch/s"
        check 'said once' said
        check 'info --verify is named' grep -q 'savs info --model .* --verify' "$scratch/err"
        good 1 'NaN' --model "$model" --engine $engine --image $picture \
            --question x --quiet
        check 'no class is named' grep -q 'no answer' "$scratch/out"
        check 'no votes are named' [ -z "$(grep votes "$scratch/out")" ]
        good 1 'NaN' --model "$model" --engine $engine --image $picture \
            --question x --json --quiet
        check 'null in JSON' grep -q '"prediction":null,"correct":null,"margin":0,"votes":{}' "$scratch/out"
        good 0 '4 of 4 predictions say nothing' --model "$model" \
            --engine $engine --input "$list" --out "$scratch/p.jsonl"
        check 'said once' said
        check 'four nulls' [ "$(grep -c '"prediction":null,"correct":false' "$scratch/p.jsonl")" -eq 4 ]
        check 'accuracy 0' grep -q 'accuracy 0.0000' "$scratch/out"
        expect 0 'comparisons of a training example with the class means are NaN' run --model "$model" \
            --engine $engine --train "$list" --test "$list" --out "$scratch/o" --heads 3
        check 'said once' said
    done
done

# ---- heads fitted on NaN: a file from elsewhere may be such ----
expect 0 'of the features of example 0 (from 0), 180 of 180 are infinite or NaN, from layer 0 on' \
    fit --store "$scratch/s" --out "$scratch/nan.sav" --heads 3
expect 1 'class means' predict --any-model --sav "$scratch/nan.sav" --model $llava --image $picture \
    --question x --quiet
good 0 '4 of 4 predictions say nothing' --store "$scratch/s" --json

# ---- one weight of layer 1: its head there, 10 features, and by the residual all 60 of layer 2 ----
copy_model $llava one
poke language_model.model.layers.1.self_attn.q_proj.weight '\000\000\300\177'
rm -rf "$scratch/s"
expect 0 'list.jsonl:1: 70 of 180 features are infinite or NaN, from layer 1 on' \
    encode --model "$model" --input "$list" --store "$scratch/s"
expect 0 'of the features of example 0 (from 0), 70 of 180 are infinite or NaN, from layer 1 on' \
    fit --store "$scratch/s" --out "$scratch/one.sav" --heads 18
expect 0 'index 0 the first' predict --sav "$scratch/one.sav" --store "$scratch/s" --json
expect 1 'q_proj' info --model "$model" --verify
copy_model $llava one
poke language_model.model.layers.0.self_attn.v_proj.weight '\000\000\200\177' # infinity
rm -rf "$scratch/s"
expect 0 'features are infinite or NaN, from layer 0 on' \
    encode --model "$model" --input "$list" --store "$scratch/s"

# ---- weights of zero: every vote is a tie ----
spoil zero '\000\000\000\000'
rm -rf "$scratch/s"
expect 0 '' encode --model "$model" --input "$list" --store "$scratch/s"
check 'zeros are numbers' [ -z "$(grep infinite "$scratch/err")" ]
expect 0 'do not tell the classes apart' fit --store "$scratch/s" --out "$scratch/zero.sav" --heads 3
expect 0 'every vote is as good as tied' predict --any-model --sav "$scratch/zero.sav" --store "$scratch/s"
good 0 'every vote is as good as tied' --model "$model" --image $picture \
    --question x
rm -rf "$scratch/o"
expect 0 'every vote is as good as tied' run --model "$model" --train "$list" --test "$list" \
    --out "$scratch/o" --heads 3
# a good model says none of it
rm -rf "$scratch/o"
expect 0 '' run --model $llava --train "$list" --test "$list" --out "$scratch/o" --heads 3
check 'no word of it' [ -z "$(grep -e NaN -e tied "$scratch/err")" ]
report 'cli nan'
