# abi.awk: the public types in DWARF, as `readelf --debug-dump=info` prints it, one fact a line: the
# size of each struct and union, the offset, size and type of each member, the number of each name of
# an enum, and what each typedef is. Only names that begin with pluck_ count. An unnamed struct or
# union has the name of its member: pluck_stage.as.

/^ *<[0-9a-f]+><[0-9a-f]+>: Abbrev Number: [1-9]/ {
    split($0, part, /[<>]/)
    depth = part[2]
    entry = part[4]
    tag[entry] = $0
    sub(/.*\(DW_TAG_/, "", tag[entry])
    sub(/\).*/, "", tag[entry])
    open[depth] = entry
    if (depth > 0) children[open[depth - 1]] = children[open[depth - 1]] " " entry
    if (depth == 1) top[++n_top] = entry
    next
}
/^ *<[0-9a-f]+> +DW_AT_/ {
    value = $0
    sub(/^[^:]*: */, "", value)
    sub(/^\((indirect|alt)[^)]*\): /, "", value)
    sub(/[ \t]+$/, "", value)
    key = substr($2, 7)
    sub(/:$/, "", key)
    if (key == "type") gsub(/[<>]|0x/, "", value)
    if (key != "name" && key != "type") sub(/[ \t].*/, "", value)
    attribute[entry, key] = value
}

function name_of(e) { return attribute[e, "name"] }
function type_of(e) { return attribute[e, "type"] }

# The type in C, with `inside` (a pointer's star) where the name of a variable would be.
function type_text(e, inside,    kids, n, i, list) {
    if (e == "") return "void" (inside == "" ? "" : " " inside)
    if (tag[e] == "pointer_type") {
        if (tag[type_of(e)] == "subroutine_type") return type_text(type_of(e), "(*" inside ")")
        return type_text(type_of(e), "*" inside)
    }
    if (tag[e] == "const_type" && tag[type_of(e)] == "pointer_type")
        return type_text(type_of(e), "const" (inside == "" ? "" : " " inside))
    if (tag[e] == "const_type") return "const " type_text(type_of(e), inside)
    n = split(children[e], kids, " ")
    if (tag[e] == "array_type") {
        for (i = 1; i <= n; i++) list = list "[" attribute[kids[i], "upper_bound"] + 1 "]"
        return type_text(type_of(e), inside list)
    }
    if (tag[e] == "subroutine_type") {
        for (i = 1; i <= n; i++) list = list (i > 1 ? ", " : "") type_text(type_of(kids[i]), "")
        return type_text(type_of(e), inside) "(" (n ? list : "void") ")"
    }
    return (name_of(e) == "" ? "unnamed" : name_of(e)) (inside == "" ? "" : " " inside)
}

function size_of(e,    kids, n, i, count) {
    if (("" attribute[e, "byte_size"]) != "") return attribute[e, "byte_size"] + 0
    if (tag[e] != "array_type") return size_of(type_of(e))
    n = split(children[e], kids, " ")
    count = 1
    for (i = 1; i <= n; i++) count *= attribute[kids[i], "upper_bound"] + 1
    return count * size_of(type_of(e))
}

# `path` is the type's name, or that of the member that an unnamed type is of.
function print_record(e, path,    kids, n, i, member, type) {
    print "type " path ": " size_of(e) " bytes"
    n = split(children[e], kids, " ")
    for (i = 1; i <= n; i++) {
        member = kids[i]
        if (tag[member] != "member") continue
        type = type_of(member)
        printf "type %s + %03d: %s, %d bytes, %s\n", path, attribute[member, "data_member_location"],
               name_of(member), size_of(type), type_text(type, "")
        if (name_of(type) == "" && tag[type] ~ /^(structure|union)_type$/)
            print_record(type, path "." name_of(member))
    }
}

function print_enum(e,    kids, n, i) {
    print "enum " name_of(e) ": " size_of(e) " bytes"
    n = split(children[e], kids, " ")
    for (i = 1; i <= n; i++)
        print "enum " name_of(e) ": " name_of(kids[i]) " = " attribute[kids[i], "const_value"]
}

END {
    for (i = 1; i <= n_top; i++) {
        e = top[i]
        if (name_of(e) !~ /^pluck_/ || attribute[e, "declaration"]) continue
        if (tag[e] ~ /^(structure|union)_type$/) print_record(e, name_of(e))
        if (tag[e] == "enumeration_type") print_enum(e)
        if (tag[e] == "typedef" && name_of(type_of(e)) != name_of(e))
            print "type " name_of(e) " = " type_text(type_of(e), "")
    }
}
