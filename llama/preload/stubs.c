/*
 * stubs.c: the exported functions of the drop-in (see real.h), for x86-64.
 *
 * A stub saves the argument registers, asks plk_route for the function that the call is meant for,
 * restores them and jumps there. Arguments on the stack stay where they are.
 */
#include "real.h"

/* The assembler needs the slot as a number, so it counts the stubs. */
__asm__(".text\n"
        ".set plk_count, 0\n"
        ".macro plk_stub name\n"
        ".globl llama_\\name\n"
        ".type llama_\\name, @function\n"
        "llama_\\name:\n"
        "    endbr64\n"
        "    mov $plk_count, %r11d\n"
        "    jmp plk_go\n"
        ".size llama_\\name, . - llama_\\name\n"
        ".set plk_count, plk_count + 1\n"
        ".endm\n"
        ".type plk_go, @function\n"
        "plk_go:\n"
        "    push %rbp\n"
        "    mov %rsp, %rbp\n"
        "    and $-16, %rsp\n"
        "    sub $192, %rsp\n"
        "    mov %rdi, 0(%rsp)\n"
        "    mov %rsi, 8(%rsp)\n"
        "    mov %rdx, 16(%rsp)\n"
        "    mov %rcx, 24(%rsp)\n"
        "    mov %r8, 32(%rsp)\n"
        "    mov %r9, 40(%rsp)\n"
        "    mov %rax, 48(%rsp)\n"
        "    movaps %xmm0, 64(%rsp)\n"
        "    movaps %xmm1, 80(%rsp)\n"
        "    movaps %xmm2, 96(%rsp)\n"
        "    movaps %xmm3, 112(%rsp)\n"
        "    movaps %xmm4, 128(%rsp)\n"
        "    movaps %xmm5, 144(%rsp)\n"
        "    movaps %xmm6, 160(%rsp)\n"
        "    movaps %xmm7, 176(%rsp)\n"
        "    mov %rdi, %rdx\n"    /* the first argument, */
        "    mov 8(%rbp), %rsi\n" /* the return address, */
        "    mov %r11d, %edi\n"   /* and the slot */
        "    call plk_route\n"
        "    mov %rax, %r11\n"
        "    mov 0(%rsp), %rdi\n"
        "    mov 8(%rsp), %rsi\n"
        "    mov 16(%rsp), %rdx\n"
        "    mov 24(%rsp), %rcx\n"
        "    mov 32(%rsp), %r8\n"
        "    mov 40(%rsp), %r9\n"
        "    mov 48(%rsp), %rax\n"
        "    movaps 64(%rsp), %xmm0\n"
        "    movaps 80(%rsp), %xmm1\n"
        "    movaps 96(%rsp), %xmm2\n"
        "    movaps 112(%rsp), %xmm3\n"
        "    movaps 128(%rsp), %xmm4\n"
        "    movaps 144(%rsp), %xmm5\n"
        "    movaps 160(%rsp), %xmm6\n"
        "    movaps 176(%rsp), %xmm7\n"
        "    leave\n"
        "    jmp *%r11\n"
        ".size plk_go, . - plk_go\n");

#define PLK_STUB(name) __asm__("plk_stub " #name "\n");
PLK_HOOKED(PLK_STUB)
PLK_WATCHED(PLK_STUB)
