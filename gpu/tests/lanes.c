/* lanes.c: see lanes.h. */
#define _GNU_SOURCE /* ucontext */
#include "lanes.h"

#include "../kernels/vendor_c.h"

#include <stdio.h>
#include <stdlib.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

/* Not a power of two, or the ends of all stacks would share a few sets of the cache. */
enum { STACK = 256 * 1024 + 17 * 64 };

typedef struct lane {
#if defined(__x86_64__)
    void *stack; /* where it goes on */
#else
    ucontext_t context;
#endif
    bool finished;
    u32 barriers; /* met so far */
    u32 shuffles; /* taken part in so far */
} lane;

plk_emu_place plk_emu;
static lane lanes[LANES_MAX];
static u32 n_lanes;
static char *stacks;
static u32 shuffled[2][LANES_MAX];
static void (*lane_run)(void *ctx);
static void *lane_ctx;

static void switch_to_scheduler(lane *from);

static void lane_main(void) {
    lane *self = lanes + plk_emu.lane;
    lane_run(lane_ctx);
    self->finished = true;
    switch_to_scheduler(self); /* and never back */
}

#if defined(__x86_64__)

/* Replaces swapcontext, which saves the signal mask by a system call each time: half of a test's
 * time. Ends in a jump, because a return would be predicted to go where the last call came from. */
void plk_lanes_switch(void **save, void *to);
__asm__(".text\n"
        ".hidden plk_lanes_switch\n"
        ".globl plk_lanes_switch\n"
        ".type plk_lanes_switch, @function\n"
        "plk_lanes_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    popq %rcx\n"
        "    jmpq *%rcx\n"
        ".size plk_lanes_switch, . - plk_lanes_switch\n");

static void *scheduler;

static void switch_to_scheduler(lane *from) {
    plk_lanes_switch(&from->stack, scheduler);
}

static void switch_to(lane *to) {
    plk_lanes_switch(&scheduler, to->stack);
}

/* Prepares a stack from which the switch returns into lane_main: six registers, its address, and
 * room for a return address, which leaves the stack aligned as at the start of any function. */
static void prepare_stack(u32 i) {
    void (*start)(void) = lane_main;
    char *top = stacks + (size_t)(i + 1) * STACK;
    memset(top - 64, 0, 64);
    memcpy(top - 16, &start, sizeof start);
    lanes[i].stack = top - 64;
}

#else

static ucontext_t scheduler;

static void switch_to_scheduler(lane *from) {
    swapcontext(&from->context, &scheduler);
}

static void switch_to(lane *to) {
    swapcontext(&scheduler, &to->context);
}

static void prepare_stack(u32 i) {
    getcontext(&lanes[i].context);
    lanes[i].context.uc_stack.ss_sp = stacks + (size_t)i * STACK;
    lanes[i].context.uc_stack.ss_size = STACK;
    makecontext(&lanes[i].context, lane_main, 0);
}

#endif

bool lanes_create(uint32_t n) {
    stacks = aligned_alloc(64, (size_t)n * STACK);
    n_lanes = n;
    return stacks != NULL;
}

void lanes_free(void) {
    free(stacks);
    stacks = NULL;
}

void plk_emu_barrier(void) {
    lane *self = lanes + plk_emu.lane;
    self->barriers++;
    switch_to_scheduler(self);
}

/* Two arrays are used in turn: between reading one and writing to it again there is a barrier. */
u32 plk_emu_shuffle(u32 x, u32 from) {
    u32 *row = shuffled[lanes[plk_emu.lane].shuffles++ % 2];
    row[plk_emu.lane] = x;
    plk_emu_barrier();
    return row[from];
}

static void check_barriers(const char *what) {
    for (u32 i = 1; i < n_lanes; i++) {
        if (lanes[i].barriers == lanes[0].barriers && lanes[i].finished == lanes[0].finished)
            continue;
        fprintf(stderr, "kernel %s: lane %u met %u barriers%s, lane 0 %u%s\n", what, i,
                lanes[i].barriers, lanes[i].finished ? " and ended" : "", lanes[0].barriers,
                lanes[0].finished ? " and ended" : "");
        abort();
    }
}

void lanes_run_group(void (*run)(void *ctx), void *ctx, const char *what) {
    lane_run = run;
    lane_ctx = ctx;
    for (u32 i = 0; i < n_lanes; i++) {
        lanes[i].finished = false;
        lanes[i].barriers = lanes[i].shuffles = 0;
        prepare_stack(i);
    }
    while (!lanes[0].finished) {
        for (u32 i = 0; i < n_lanes; i++) {
            plk_emu.lane = i;
            switch_to(lanes + i);
        }
        check_barriers(what); /* so if one lane has ended, all have */
    }
}
