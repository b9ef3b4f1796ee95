/*
 * with_cmocka.h - cmocka, and the headers that must be included before it.
 */
#ifndef PERFLAB_WITH_CMOCKA_H
#define PERFLAB_WITH_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
