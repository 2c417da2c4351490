#!/bin/sh
# The manual page and the completions that the program writes: every command, every option of each command,
# valid macros; and that a real bash offers them.
. tests/cli/lib

# The commands with their groups' members, and the options of each, from the help
"$savs" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p; s/^  \([a-z]*\) \.\.\. .*/\1 .../p' >"$scratch/help"
: >"$scratch/commands"
while read -r name group; do
    if [ -z "$group" ]; then echo "$name" >>"$scratch/commands"; continue; fi
    "$savs" help "$name" | sed -n "s/^  \($name [a-z]*\)  .*/\1/p" >>"$scratch/commands"
done <"$scratch/help"
check 'the help lists commands and members' [ "$(grep -c . "$scratch/commands")" -ge 12 ]
check 'show tokens among them' grep -qx 'show tokens' "$scratch/commands"
options_of() { # options_of COMMAND: --a --b, sorted, a line each
    # shellcheck disable=SC2086 # one or two words
    "$savs" $1 --help | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' | sort
}

# ---- the manual page ----
expect 0 '' help --man
cp "$scratch/out" "$scratch/savs.1"
for section in NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS 'EXIT STATUS' ENVIRONMENT; do
    check "man: $section" grep -qx ".SH $section" "$scratch/savs.1"
done
check 'man: the title comes first' eval 'sed -n 2p "$scratch/savs.1" | grep -q "^\.TH SAVS 1 "'
check 'man: NAME has one line with a dash' grep -q '^savs \\- ' "$scratch/savs.1"
check 'man: no other macros' eval '! grep "^[.'\'']" "$scratch/savs.1" |
    grep -qvE "^\.(\\\\\"|TH|SH|SS|TP|PP|B|br|nf|fi)"'
check 'man: ASCII alone' eval '! LC_ALL=C grep -q "[^ -~]" "$scratch/savs.1"'
if command -v groff >/dev/null 2>&1; then
    groff -man -Tutf8 -ww -z "$scratch/savs.1" >"$scratch/out" 2>"$scratch/err"
    check 'man: groff has no complaint' [ ! -s "$scratch/err" ]
else
    skip 'no groff'
fi
sed 's/\\-/-/g; s/\\&//g' "$scratch/savs.1" >"$scratch/plain"
while read -r command; do
    sed -n "/^\.SS savs $command\$/,/^\.fi/p" "$scratch/plain" | grep -o '^\\fB--[a-z0-9-]*' |
        sed 's/^\\fB//' | sort >"$scratch/got"
    options_of "$command" >"$scratch/want"
    check "man: the options of $command" cmp -s "$scratch/got" "$scratch/want"
    while read -r option; do
        check "man: $option is explained" grep -q "^\\\\fB$option\\\\fR" "$scratch/plain"
    done <"$scratch/want"
done <"$scratch/commands"

# ---- bash ----
expect 0 '' help --completion bash
cp "$scratch/out" "$scratch/savs.bash"
if command -v bash >/dev/null 2>&1; then
    cat >"$scratch/ask" <<'END'
. "$1" # ask FILE words…: what is offered for the last word, a line each
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_savs
printf '%s\n' "${COMPREPLY[@]}"
END
    ask() {
        (cd "$scratch/folder" && bash "$scratch/ask" "$scratch/savs.bash" "$@" 2>&1) | sort >"$scratch/got"
    }
    mkdir "$scratch/folder" "$scratch/folder/models"
    : >"$scratch/folder/a list.jsonl"
    offers() { # offers WORDS words…: these words, separated by blanks
        printf '%s\n' $1 | sort >"$scratch/want"
        shift
        ask "$@"
        check "bash: $* offers $(tr '\n' ' ' <"$scratch/got")" cmp -s "$scratch/got" "$scratch/want"
    }
    while read -r command; do
        # shellcheck disable=SC2046,SC2086 # words
        offers "$(options_of "$command")" savs $command --
    done <"$scratch/commands"
    offers "$(cut -d' ' -f1 "$scratch/help") help --help --version" savs ''
    offers 'run' savs ru
    offers 'tokens pixels samples --help' savs show ''
    offers 'encode' savs help enc
    offers 'f32 bf16 f16' savs encode --dtype ''
    offers 'bf16' savs encode --dtype b
    offers 'f32 f16' savs encode --dtype = f # --dtype=f
    offers 'f32 bf16 f16' savs encode --dtype =
    engines=$("$savs" encode --help | sed -n 's/^  --engine \([^ ]*\).*/\1/p' | tr '|' ' ')
    offers "$engines" savs encode --engine ''
    offers '--min-margin --min-pixels' savs predict --quiet --min
    offers 'models' savs run --model mo
    offers 'models' savs run --model = mo
    offers '' savs run --threads ''
    offers 'models' savs diff m
    ask savs encode --input 'a l'
    check 'bash: a name with a blank is one word' grep -qx 'a list.jsonl' "$scratch/got"
    ask savs predict --image models 'a l'
    check 'bash: the next of several pictures' grep -qx 'a list.jsonl' "$scratch/got"
else
    skip 'no bash'
fi

# ---- zsh ----
expect 0 '' help --completion zsh
cp "$scratch/out" "$scratch/_savs"
check 'zsh: its first line names the command' eval 'head -n 1 "$scratch/_savs" | grep -qx "#compdef savs"'
if command -v zsh >/dev/null 2>&1; then check 'zsh: syntax' zsh -n "$scratch/_savs"; else skip 'no zsh'; fi
while read -r command; do
    sed -n "/^    ${command#* })\$/,/;;/p" "$scratch/_savs" | sed -n "s/^ *'\**\(--[a-z0-9-]*\).*/\1/p" |
        sort >"$scratch/got"
    options_of "$command" >"$scratch/want"
    check "zsh: the options of $command" cmp -s "$scratch/got" "$scratch/want"
done <"$scratch/commands"

expect 2 'completion' help --completion fish
expect 2 'completion' help --completion
expect 2 '--man' help --nothing

report 'cli manual'
