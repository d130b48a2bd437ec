#include "tests/emulate/fiber.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define GUARD ((size_t)4096)

void fiber_alloc(struct fiber *f)
{
    char *p =
        mmap(NULL, FIBER_STACK + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p, GUARD, PROT_NONE) != 0) {
        fprintf(stderr, "emulator: no memory for the stack of a thread\n");
        abort();
    }
    f->stack = p + GUARD;
}

#if defined(__x86_64__)

/* System V: what a call keeps are rbx, rbp, r12 .. r15 and the stack.  A library call costs a system call for signal
 * masks that nobody here changes. */
void fiber_swap(void **from, void *to) __attribute__((visibility("hidden")));
__asm__(".text\n.hidden fiber_swap\n.globl fiber_swap\n.type fiber_swap, @function\n"
        "fiber_swap:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n.size fiber_swap, .-fiber_swap\n");

void fiber_set(struct fiber *f, void (*entry)(void))
{
    uint64_t *top = (uint64_t *)(void *)((char *)f->stack + FIBER_STACK) - 1;
    *top = 0; /* where a return address lies on entry: 8 above a multiple of 16 */
    *--top = (uint64_t)(uintptr_t)entry;
    for (int i = 0; i < 6; i++)
        *--top = 0;
    f->at = top;
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    fiber_swap(&from->at, to->at);
}

#else
#include <ucontext.h>

static ucontext_t *context(struct fiber *f)
{
    if (!f->at)
        f->at = calloc(1, sizeof(ucontext_t));
    return f->at;
}

void fiber_set(struct fiber *f, void (*entry)(void))
{
    ucontext_t *c = context(f);
    getcontext(c);
    c->uc_stack.ss_sp = f->stack;
    c->uc_stack.ss_size = FIBER_STACK;
    c->uc_link = NULL;
    makecontext(c, entry, 0);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    swapcontext(context(from), context(to));
}

#endif
