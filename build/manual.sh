# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make manual: docs/manual/mpm.html, from docs/manual/mpm.html.in and what the rest of the tree knows: names from mpm/*/facts,
# defaults from build/systems, figures from docs/manual/mpm-measured.tsv, and for each MPM its own manual.html and drawing.svg.
# The page is committed, so that nobody needs this to build; `config.status --run manual.sh --check` only compares.

set -e
set +f
place=$srcdir/docs/manual/mpm.html

# fact NAME FACT
fact() {
    sed -n "s/^$2=//p" "$srcdir/mpm/$1/facts"
}

# The folders, in the order in which configure's help has them.
folders=$(for facts in "$srcdir"/mpm/*/facts; do
    folder=${facts%/facts}
    printf '%s %s\n' "$(sed -n 's/^default-order=//p' "$facts")" "${folder##*/}"
done | sort -n | cut -d ' ' -f 2)

names() {
    printf '<div class="wide"><table>\n<tr><th>MPM</th><th><code>--with-mpm=</code></th><th><code>httpd -l</code></th><th><code>httpd -M</code></th><th>processes</th><th>threads in each</th></tr>\n'
    for name in $folders; do
        case $(fact "$name" process-count) in
        none) processes=fixed ;;
        *) processes=$(fact "$name" process-count) ;;
        esac
        if test "$(fact "$name" one-process)" = yes; then processes=one; fi
        case $(fact "$name" thread-count) in
        none) threads=one ;;
        *) threads=$(fact "$name" thread-count) ;;
        esac
        printf '<tr><td><a href="#%s">%s</a></td><td><code>%s</code></td><td><code>%s</code></td><td><code>%s</code></td><td>%s</td><td>%s</td></tr>\n' \
            "$name" "$name" "$name" "$(fact "$name" file)" "$(fact "$name" identifier)" "$processes" "$threads"
    done
    printf '</table></div>\n'
}

# One row for each MPM that is the default of some system: a system's own word counts before its wider ones.
systems() {
    printf '<div class="wide"><table>\n<tr><th>default</th><th>systems</th></tr>\n'
    for name in $folders; do
        for word in $(fact "$name" default-on | tr , ' '); do printf '%s %s\n' "$word" "$name"; done
    done | awk '
        NR == FNR { mpm[$1] = $2; if (!($2 in rank)) { rank[$2] = ++count; order[count] = $2 } next }
        /^#/ || NF < 5 { next }
        {
            words = split($2 "," $3, kind, ",")
            for (i = 1; i <= words; i++) if (kind[i] in mpm) break
            if (i > words || ($2 in seen)) next
            seen[$2] = 1
            systems[mpm[kind[i]]] = systems[mpm[kind[i]]] (systems[mpm[kind[i]]] == "" ? "" : ", ") $2
        }
        END {
            for (i = 1; i <= count; i++)
                printf "<tr><td><a href=\"#%s\">%s</a></td><td>%s</td></tr>\n", order[i], order[i], systems[order[i]]
        }
    ' - "$srcdir/build/systems"
    printf '</table></div>\n'
}

# Lines with # are text above the table.
measured() {
    sed -n 's|^# \(.*\)|<p>\1</p>|p' "$srcdir/docs/manual/mpm-measured.tsv"
    printf '<div class="wide"><table class="measured">\n'
    awk -F '\t' '!/^#/ {
        cell = ++row == 1 ? "th" : "td"
        printf "<tr>"
        for (i = 1; i <= NF; i++) printf "<%s>%s</%s>", cell, $i, cell
        print "</tr>"
    }' "$srcdir/docs/manual/mpm-measured.tsv"
    printf '</table></div>\n'
}

# An MPM whose folder has no text of its own yet has its row in the tables.
sections() {
    for name in $folders; do
        test -f "$srcdir/mpm/$name/manual.html" || continue
        printf '<h2 id="%s">%s</h2>\n\n<figure>\n' "$name" "$name"
        cat "$srcdir/mpm/$name/drawing.svg"
        printf '</figure>\n\n'
        cat "$srcdir/mpm/$name/manual.html"
        printf '\n'
    done
}

page() {
    while IFS= read -r line; do
        case $line in
        '<!-- table: names -->') names ;;
        '<!-- table: systems -->') systems ;;
        '<!-- table: measured -->') measured ;;
        '<!-- sections -->') sections ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$place.in"
}

work=$builddir/config.manual.$$
trap 'rm -f "$work"' 0
page >"$work"
if test "${1-}" = --check; then
    diff "$place" "$work" || {
        printf 'docs/manual/mpm.html is not what its sources give: run make manual\n' >&2
        exit 1
    }
    exit 0
fi
cp "$work" "$place"
printf 'written: %s\n' "$place"
