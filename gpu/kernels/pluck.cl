/*
 * pluck.cl: all kernels, for OpenCL C 1.2, CUDA C and plain C. This is the file that is compiled.
 *
 *   argmax.cl   greedy: one kernel
 *   select.cl   top-k in one read
 *   survey.cl   maximum, deviation, near-nucleus candidates and masses of tiles in two reads, the
 *               second sum that some cuts need in a third
 *   reduce.cl   truncations while many candidates are left
 *   draw.cl     the draw if many are left
 *   softmax.cl  log-sum-exp, softmax, log-probabilities
 *   finish.cl   truncations once few are left, the draw, the result
 *   busy.cl     a stand-in for inference, for benchmarks
 */
#include "vendor.h"

#include "pair.h"

#include "numeric.h"

#include "cut.h"

#include "group.h"

#include "row.h"

#include "small.h"

#include "large.h"

#include "result.h"

#include "argmax.cl"

#include "survey.cl"

#include "select.cl"

#include "reduce.cl"

#include "draw.cl"

#include "finish.cl"

#include "softmax.cl"

#include "busy.cl"
