# gpu-code.awk: counts the machine instructions of one kernel, without a disassembler. Input: a
# cubin's code as `od -An -v -tx8 -w16` prints it, one instruction of 16 bytes a line. Variables:
# kernel, its name; arch, the compute capability. Prints "kernel instructions wide per_logit": wide
# ones load or store 16 bytes of global memory, per_logit is the length of the innermost loop with
# such loads, for each float32 that it loads ("-": no loop has any).
#
# Of an instruction's 128 bits 0-11 are the operation and 73-75 the size of an access (6: 16 bytes).
# A branch holds the distance to its target, counted from the next instruction: up to compute
# capability 8.9 in units of 4 bytes from bit 34, later with bits 16-23 in front as the lowest.
# Fails if a branch leads out of the kernel or not to an instruction: the code is not as is thought.
function number(hex,    i, value) {
    for (i = 1; i <= length(hex); i++)
        value = 16 * value + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return value
}
{
    at[++n] = operation = substr($1, 14)
    if (operation ~ /^[39]8[16]$/ && int(number(substr($2, 14, 1)) / 2) == 6) {
        wide++
        if (operation ~ /1$/) loads[n] = 1
    }
    if (operation !~ /^[59]47$/) next
    distance = number(substr($1, 1, 8))
    distance -= distance % 4 # bits 32 and 33 are not part of it
    if (distance >= 2147483648) distance -= 4294967296
    if (arch >= 90) distance = distance * 256 + 4 * number(substr($1, 11, 2))
    target[n] = n + 1 + distance / 16
}
END {
    shortest = 0
    for (i = 1; i <= n; i++) if (at[i] != "918") instructions++ # without what fills up the end
    for (from in target) {
        if (target[from] != int(target[from]) || target[from] < 1 || target[from] > n) {
            print "gpu-code: " kernel ": a branch leads to instruction " target[from] " of " n >"/dev/stderr"
            exit 1
        }
        in_loop = 0
        for (i = target[from]; i <= from + 0; i++) in_loop += loads[i]
        if (in_loop == 0 || (shortest && from + 1 - target[from] >= shortest)) continue
        shortest = from + 1 - target[from]
        loaded = 4 * in_loop
    }
    print kernel, instructions, wide + 0, shortest ? shortest / loaded : "-"
}
