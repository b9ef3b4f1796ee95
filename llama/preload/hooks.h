/*
 * hooks.h: our functions behind the stubs. Each behaves as libllama's of the same name does; calls
 * that come from inside libllama are passed on.
 */
#ifndef PLUCK_LLAMA_HOOKS_H
#define PLUCK_LLAMA_HOOKS_H

#include "real.h"

#define PLK_DECLARE(name) __typeof__(llama_##name) plk_hook_##name;
PLK_HOOKED(PLK_DECLARE)
#undef PLK_DECLARE

#endif
