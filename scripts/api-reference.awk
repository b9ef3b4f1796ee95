# api-reference.awk: turns a public header into a reference. -v format=markdown, man or names.
#
# It expects the form in which the headers are written: a block comment, then the declarations it
# describes, up to an empty line. A comment whose first line is a rule of dashes is the title of a
# section; the first comment of a file is its introduction. Every format fails (exit status 1) if a
# public function has no comment above it.

function fail(text) {
    print FILENAME ":" FNR ": " text > "/dev/stderr"
    failed = 1
}

# The text of a comment line without its frame.
function unframe(line) {
    sub(/^ *\/\*+ ?/, "", line)
    sub(/ *\*\/ *$/, "", line)
    sub(/^ \* ?/, "", line)
    sub(/^ \*$/, "", line)
    return line
}

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/) text = "\\&" text
    return text
}

function print_prose(text,    lines, n, i, code) {
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++) {
        # lines that are indented by four spaces are code
        if (format == "man") {
            if (lines[i] ~ /^    / && !code) { print ".nf"; code = 1 }
            if (lines[i] !~ /^    / && code) { print ".fi"; code = 0 }
            print lines[i] == "" ? ".PP" : roff(lines[i])
        } else {
            gsub(/</, "\\&lt;", lines[i])
            if (lines[i] !~ /^    /) gsub(/\*/, "\\*", lines[i])
            print lines[i]
        }
    }
    if (code) print ".fi"
}

function print_code(text,    lines, n, i) {
    gsub(/PLUCK_API /, "", text)
    if (format == "man") {
        print ".nf"
        n = split(text, lines, "\n")
        for (i = 1; i <= n; i++) print roff(lines[i])
        print ".fi"
    } else {
        print "```c\n" text "\n```"
    }
}

function flush_group() {
    if (declarations == "") return
    if (comment == "" && declarations ~ /PLUCK_API/) fail("a function without documentation")
    if (format == "names") {
        print_names()
    } else {
        if (format == "man") print ".SS " roff(heading(declarations))
        else print "\n### " heading(declarations) "\n"
        print_code(declarations)
        if (comment != "") {
            print format == "man" ? ".PP" : ""
            print_prose(comment)
        }
    }
    declarations = ""
    comment = ""
}

# The names a group declares: functions, or a type.
function heading(text,    names, rest, name) {
    rest = text
    gsub(/\/\*[^\n]*\*\//, "", rest)
    while (match(rest, /PLUCK_API [^(;]*\(/)) {
        name = substr(rest, RSTART, RLENGTH - 1)
        sub(/.*[ *]/, "", name)
        names = names (names == "" ? "" : ", ") name
        rest = substr(rest, RSTART + RLENGTH)
    }
    if (names != "") return names
    if (match(text, /(struct|enum) pluck_[a-z0-9_]+/)) {
        name = substr(text, RSTART, RLENGTH)
        sub(/.* /, "", name)
        return name
    }
    if (match(text, /#define [A-Z0-9_]+/)) return substr(text, RSTART + 8, RLENGTH - 8)
    return "declarations"
}

function print_names(    list, n, i) {
    if (declarations !~ /PLUCK_API/) return
    n = split(heading(declarations), list, ", ")
    for (i = 1; i <= n; i++) print list[i]
}

function print_section(title) {
    if (format == "man") print ".SH " toupper(title)
    else if (format == "markdown") print "\n## " title
}

function end_comment() {
    sub(/\n+$/, "", comment)
    sub(/^\n+/, "", comment)
    if (comment ~ /^ ?-----/) {
        sub(/^ ?-+\n */, "", comment)
        sub(/\n *-+ *$/, "", comment)
        print_section(comment)
        comment = ""
    } else if (!introduced) {
        introduced = 1
        file = FILENAME
        sub(/.*\//, "", file)
        if (format == "markdown") print "\n# " file "\n"
        if (format == "man") print ".SH " toupper(file)
        sub(/^[a-z_]+\.h: /, "", comment)
        if (format != "names") print_prose(comment)
        comment = ""
    }
}

FNR == 1 {
    flush_group()
    comment = ""
    introduced = in_comment = depth = skipping = 0
}

# Inside the preamble of macros that make the header work there is nothing to document.
/^#if|^#ifdef|^#ifndef/ && depth == 0 { flush_group(); conditional++ }
/^#endif/ { conditional--; next }
/^#(if|ifdef|ifndef|elif|else|include|undef)/ { next }
/^extern "C"/ || (/^}$/ && depth == 0) { next }
/^#define (PLUCK_API|PLUCK_H|PLUCK_[A-Z]+_H)( |$)/ { next }

in_comment {
    comment = comment "\n" unframe($0)
    if (/\*\//) { in_comment = 0; end_comment() }
    next
}

/^\/\*/ {
    flush_group()
    comment = unframe($0)
    if (/\*\//) end_comment()
    else in_comment = 1
    next
}

/^$/ && depth == 0 && !continued { flush_group(); comment = ""; next }

{
    declarations = declarations (declarations == "" ? "" : "\n") $0
    text = $0
    depth += gsub(/\{/, "", text) - gsub(/\}/, "", text)
    continued = /\\$/
}

END {
    flush_group()
    exit failed
}
