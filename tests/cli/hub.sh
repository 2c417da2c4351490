#!/bin/sh
# --model as people name models: org/name in the Hugging Face cache, a folder of the cache, its snapshots.
. tests/cli/lib

commit=0123456789abcdef0123456789abcdef01234567
cache=$scratch/home/hub
model=$cache/models--org--name
mkdir -p "$model/refs" "$model/snapshots" "$model/blobs"
cp -R $qwen "$model/snapshots/$commit"
mv "$model/snapshots/$commit/config.json" "$model/blobs/c0ffee"
ln -s ../../blobs/c0ffee "$model/snapshots/$commit/config.json"
printf '%s\n' $commit >"$model/refs/main"
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME XDG_CACHE_HOME

found() { # found WHAT --model WORD
    expect 0 "the model is $model/snapshots/$commit" info --model "$2"
    check "$1" grep -qF qwen2 "$scratch/out"
}
export HF_HOME="$scratch/home"
found 'HF_HOME: org/name' org/name
found 'HF_HOME: models--org--name' models--org--name
expect 1 "nor $cache/models--no--such (savs downloads nothing" info --model models--no--such
found 'the folder of the cache' "$model"
found 'the same with a slash behind' "$model/"
expect 0 '' info --quiet --model "$model/snapshots/$commit"
check 'a snapshot itself needs no word' [ ! -s "$scratch/err" ]
export HF_HUB_CACHE="$cache" HF_HOME="$scratch/elsewhere"
found 'HF_HUB_CACHE comes first' org/name
unset HF_HUB_CACHE HF_HOME
export HOME="$scratch/user"
mkdir -p "$HOME/.cache/huggingface"
mv "$cache" "$HOME/.cache/huggingface/hub"
cache=$HOME/.cache/huggingface/hub
model=$cache/models--org--name
found 'the home folder' org/name

# ---- no refs/main: the only snapshot, or the folder to give ----
rm "$model/refs/main"
found 'one snapshot without refs/main' org/name
printf '%s' ffff >"$model/refs/main"
found 'refs/main names what is not there' org/name
cp -R "$model/snapshots/$commit" "$model/snapshots/fedcba"
expect 1 'found 2 snapshots' info --model org/name
check 'two snapshots: one is shown' grep -qF "give --model $model/snapshots/fedcba" "$scratch/err"
printf '%s' $commit >"$model/refs/main"
found 'refs/main chooses' org/name
rm -rf "$model/snapshots"
mkdir "$model/snapshots"
expect 1 'found 0 snapshots' info --model org/name

# ---- no such thing ----
expect 1 "nor $cache/models--org--other" info --model org/other
check 'what to do' grep -qF 'hf download org/other --local-dir DIR' "$scratch/err"
expect 1 './org/other' info --model ./org/other
expect 1 'nowhere' info --model nowhere
mkdir -p "$scratch/here/org"
cp -R $qwen "$scratch/here/org/other"
savs=$PWD/$savs
(cd "$scratch/here" && exec "$savs" info --model org/other >"$scratch/out" 2>"$scratch/err")
judge 0 '' 'a folder of that name comes first'

report hub
