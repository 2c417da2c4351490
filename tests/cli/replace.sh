#!/bin/sh
# An output that would replace what the command reads is refused before the work, whatever its name is:
# the same path, another way to it, a hard link, a link. Everything that was there is still there.
. tests/cli/lib
needs_pictures 'cli replace'

here=$scratch/here
mkdir "$here"
cp golden/llava/images/8x11.png "$here/a.png"
cp golden/llava/images/8x11.png "$here/picture0-0.png"
copy_model $llava model
for id in 0 1 2 3; do
    printf '{"image":"a.png","question":"%s?","label":"%s"}\n' $id \
        "$([ $((id % 2)) = 0 ] && echo x || echo y)"
done >"$here/list.jsonl"
printf '[{"role":"user","content":[{"type":"image","image":"a.png"},{"type":"text","text":"x"}]}]' \
    >"$here/chat.json"
printf 'x<image>' >"$here/prompt.txt"
store=$here/store sav=$here/first.sav
expect 0 '' encode --quiet --model "$model" --input "$here/list.jsonl" --store "$store"
expect 0 '' fit --quiet --store "$store" --out "$sav" --heads 2
cp -R "$here" "$scratch/before"
cp -R "$model" "$scratch/model-before"

refused() { # refused PART arguments…
    expect 1 "$@"
    check "nothing changed: savs $*" diff -r "$scratch/before" "$here"
    check "nor the model: savs $*" diff -r "$scratch/model-before" "$model"
}
replaced='found a file that this command reads; it would be replaced'
for file in store.json index.jsonl features.f32; do
    refused 'found a feature store' fit --store "$store" --out "$store/$file"
done
refused 'found a feature store' fit --store "$store" --out "$store/sav.safetensors"
refused 'found a feature store' fit --store "$store" --out "$store/../store/x"
(cd "$store" && case $savs in /*) ;; *) savs=$OLDPWD/$savs ;; esac &&
    $limit "$savs" fit --store . --out sav.safetensors >"$scratch/out" 2>"$scratch/err")
judge 1 'found a feature store' 'fit inside the store'
refused 'found a feature store' run --model "$model" --train "$here/list.jsonl" --test "$here/list.jsonl" \
    --out "$store"
refused 'found a feature store' dump --model "$model" --messages "$here/chat.json" --out "$store/index.jsonl"

predict() { refused "$replaced" predict --model "$model" --sav "$sav" "$@"; }
predict --input "$here/list.jsonl" --out "$sav"
predict --input "$here/list.jsonl" --out "$here/list.jsonl"
predict --input "$here/list.jsonl" --out "$here/../here/list.jsonl"
predict --input "$here/list.jsonl" --out "$here/a.png" # a picture of the list
predict --image "$here/a.png" "$here/picture0-0.png" --question x --out "$here/picture0-0.png"
predict --input "$here/list.jsonl" --out "$model/config.json"
predict --input "$here/list.jsonl" --out "$model/model.safetensors"
refused "$replaced" predict --store "$store" --sav "$sav" --out "$sav"
refused "$replaced" predict --store "$store" --sav "$sav" --input "$here/list.jsonl" --out "$here/a.png"
refused "$replaced" fit --store "$store" --input "$here/list.jsonl" --heads 2 --out "$here/a.png"
refused 'found a model folder' encode --model "$model" --input "$here/list.jsonl" --store "$model"
for file in chat.json prompt.txt a.png; do
    refused "$replaced" dump --model "$model" --messages "$here/chat.json" --prompt "$here/prompt.txt" \
        --out "$here/$file"
done
refused "$replaced" dump --model "$model" --messages "$here/chat.json" --out "$model/model.safetensors"
refused "$replaced" show pixels --model "$model" --image "$here/picture0-0.png" --out "$here"
refused '' quantize --model "$model" --out "$model"

# a list under the name of a result, and of a store's file
mkdir "$here/out" "$here/other" && cp "$here/list.jsonl" "$here/out/predictions.jsonl"
cp "$here/list.jsonl" "$here/other/index.jsonl"
cp "$here/a.png" "$here/out/a.png" && cp "$here/a.png" "$here/other/a.png"
rm -rf "$scratch/before" && cp -R "$here" "$scratch/before"
refused "$replaced" run --model "$model" --train "$here/list.jsonl" --test "$here/out/predictions.jsonl" \
    --out "$here/out" --heads 2
refused "$replaced" encode --model "$model" --input "$here/other/index.jsonl" --store "$here/other"

# other names of the same file
if ln "$here/list.jsonl" "$scratch/hard" 2>"$scratch/ln" && ln -s "$here/list.jsonl" "$scratch/soft"; then
    refused "$replaced" predict --model "$model" --sav "$sav" --input "$here/list.jsonl" --out "$scratch/hard"
    refused "$replaced" predict --model "$model" --sav "$sav" --input "$here/list.jsonl" --out "$scratch/soft"
    refused "$replaced" predict --model "$model" --sav "$sav" --input "$scratch/soft" --out "$here/list.jsonl"
    ln -s "$model" "$scratch/snapshot"
    refused "$replaced" predict --model "$scratch/snapshot" --sav "$sav" --input "$here/list.jsonl" \
        --out "$model/tokenizer.json"
fi

# what is no input may be replaced, as ever
printf old >"$here/p.jsonl"
expect 0 '' predict --quiet --model "$model" --sav "$sav" --input "$here/list.jsonl" --out "$here/p.jsonl"
check 'replaced' [ "$(wc -l <"$here/p.jsonl")" -eq 4 ]
expect 0 '' fit --quiet --store "$store" --out "$sav" --heads 2
expect 0 '' show pixels --model "$model" --image "$here/a.png" --out "$here"
report 'cli replace'
