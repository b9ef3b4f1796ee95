/*
 * busy.cl: a stand-in for inference in benchmarks. Every lane multiplies and adds for `rounds`
 * rounds; the time is set by `rounds`, and memory is hardly touched.
 */
KERNEL void pluck_busy(GLOBAL float *sink, u32 rounds LOCAL_PARAM) {
    LOCAL_START
    float x = (float)lane_id();
    for (u32 i = 0; i < rounds; i++) x = fma_f32(x, 0.999f, 0.5f);
    if (x == -1.0f) sink[0] = x + (float)local_base[0]; /* never true; keeps the loop */
}
