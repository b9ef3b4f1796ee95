/* other_libllama.c: a libllama of a version whose functions have other arguments than those of
 * 0.5.0. The drop-in must pass all of them on. */
double llama_sampler_init_top_k(int a, int b, int c, int d, int e, int f, int g, int h, double x,
                                double y, double z);
void *llama_sampler_chain_init(void);
const char *llama_version(void);

const char *llama_version(void) {
    return "9.9.9";
}

void *llama_sampler_chain_init(void) {
    return 0;
}

double llama_sampler_init_top_k(int a, int b, int c, int d, int e, int f, int g, int h, double x,
                                double y, double z) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * x + 10 * y + 11 * z;
}
