#!/bin/sh
# Usage: help, version, unknown commands and options, values that cannot be.
. tests/cli/lib
# shellcheck disable=SC2086 # $dump is words

says() { # says WORDS arguments...: exit 0 and WORDS on stdout
    words=$1
    shift
    expect 0 '' "$@"
    if grep -qF -- "$words" "$scratch/out"; then pass; else fail "savs $*: stdout lacks \"$words\""; fi
}
# words without spaces inside
dump="dump --model $qwen --messages golden/qwen2/window.messages.json --out $scratch/x"

expect 2 'savs'
says 'exact' --version
says 'savs' --help
for command in run encode fit predict dump diff; do says "savs $command" $command --help; done
says 'savs show samples' show samples --help

# The other ways to ask for it, a group's help, and every command's example in its own help
for ask in -h help; do says 'usage: savs COMMAND' $ask; done
says 'example: savs fit' help fit
says 'example: savs fit' fit -h
says 'example: savs show tokens' help show tokens
for ask in --help -h; do says 'tokens|pixels|samples' show $ask; done
says 'tokens|pixels|samples' help show
expect 2 'predict' help predcit
"$savs" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >"$scratch/commands"
check 'the help lists the commands' grep -qx fit "$scratch/commands"
while read -r command; do says "example: savs $command" "$command" --help; done <"$scratch/commands"

# A near miss gets a suggestion
expect 2 'dump' dumb
expect 2 'predict' predcit --model x
expect 2 '--model' encode --modle $qwen
expect 2 '--engine' $dump --enigne exact
expect 2 'samples' show sample --input tests/cli/lib

# What is missing, doubled or no value
expect 2 '--model' run
expect 2 '--model' dump
expect 2 '--model' encode --model
expect 2 '--model' encode --model= --input tests/cli/lib --store "$scratch/x"
expect 2 'exact' $dump --engine fast
expect 2 'bf16' $dump --dtype f8
for threads in 0 -1 1.5 many 99999999999999999999 257 100000; do
    expect 2 'expected a whole number from 1 to 256' $dump --threads $threads
done
for heads in 0 -3 x; do expect 2 '--heads' fit --store "$scratch/none" --out "$scratch/x" --heads $heads; done
expect 2 'behind' $dump behind
expect 2 '--data' show samples --input tests/cli/lib --data no-such-format
expect 2 '' show
expect 2 '' diff one

# "-" is a standard stream elsewhere: nothing is written under that name, except when it is spelled out
for out in "--out -" --out=-; do expect 2 './-' fit --store "$scratch/none" $out; done
expect 2 './-' predict --sav "$scratch/none" --store "$scratch/none" --out -
expect 2 './-' encode --model $qwen --input tests/cli/lib --store -
expect 2 './-' quantize --model $qwen --out -
expect 1 '' fit --store "$scratch/none" --out ./-

# An instruction set that this CPU cannot have
case $(uname -m) in
x86_64 | amd64) other=neon ;;
*) other=avx2 ;;
esac
expect 2 "$other" $dump --engine exact --isa $other
expect 2 '' $dump --isa no-such

check 'nothing was written' [ ! -e "$scratch/x" ]
# --name=value is --name value
expect 0 '' $dump --engine=exact --threads=1
check 'the dump is written' [ -s "$scratch/x" ]
report 'cli usage'
