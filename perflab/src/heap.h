/*
 * heap.h - counts what a call takes from malloc.
 *
 * perflab itself defines malloc and its relatives, which hand over to those of the C library
 * (glibc only), so that modules call them. While nothing is counted they cost a test of a flag.
 */
#ifndef PERFLAB_HEAP_H
#define PERFLAB_HEAP_H

#include "gate.h"

/* For perflab_case.heap. NULL if allocations cannot be counted: another C library, a sanitizer. */
perflab_heap *heap_meter(void);

#endif
