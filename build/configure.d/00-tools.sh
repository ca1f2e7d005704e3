# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# What every question needs: speaking, quoting, reading a table.

quiet=no
conf_log=/dev/null
warnings=0
newline='
'

# say TEXT: on the terminal unless -q, and in config.log.
say() {
    test "$quiet" = yes || printf '%s\n' "$1"
    note "$1"
}

# note TEXT: in config.log only.
note() {
    printf '%s\n' "$1" >>"$conf_log"
}

# answer QUESTION ANSWER: one line of the conversation.
answer() {
    say "checking $1... $2"
}

warn() {
    warnings=$((warnings + 1))
    printf 'configure: warning: %s\n' "$1" >&2
    note "warning: $1"
}

die() {
    printf 'configure: error: %s\n' "$1" >&2
    note "error: $1"
    exit 1
}

# quote TEXT: prints it so that a shell reads it back as one word.
quote() {
    case $1 in
    *\'*) printf '%s\n' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/" ;;
    *) printf "'%s'\n" "$1" ;;
    esac
}

# has LIST WORD: whether the blank-separated list has the word.
has() {
    case " $1 " in
    *" $2 "*) return 0 ;;
    esac
    return 1
}

# fact MPM KEY: prints what mpm/MPM/facts says of it.
fact() {
    sed -n "s/^$2=//p" "$srcdir/mpm/$1/facts"
}

# nearest WORD: prints the line of standard input that is the fewest keystrokes from WORD, if that is near enough to be a
# slip: a third of the letters of its name.
nearest() {
    awk -v word="$1" '
    function least(a, b, c) { return a < b ? (a < c ? a : c) : (b < c ? b : c) }
    function distance(a, b,   i, j, row, last, keep) {
        for (j = 0; j <= length(b); j++) row[j] = j
        for (i = 1; i <= length(a); i++) {
            last = row[0]; row[0] = i
            for (j = 1; j <= length(b); j++) {
                keep = row[j]
                row[j] = least(row[j] + 1, row[j - 1] + 1, last + (substr(a, i, 1) != substr(b, j, 1)))
                last = keep
            }
        }
        return row[length(b)]
    }
    BEGIN { name = word; sub(/^--(enable-|disable-|with-|without-)?/, "", name); best = int(length(name) / 3) + 1 }
    { far = distance(word, $0); if (far < best) { best = far; found = $0 } }
    END { if (found != "") print found }'
}
