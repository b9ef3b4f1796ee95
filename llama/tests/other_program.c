/* other_program.c: a program for other_libllama.c, a libllama of another version. */
double llama_sampler_init_top_k(int a, int b, int c, int d, int e, int f, int g, int h, double x,
                                double y, double z);

int main(void) {
    double sum = llama_sampler_init_top_k(1, 2, 3, 4, 5, 6, 7, 8, 9.5, 10.5, 11.5);
    double expected = 204 + 9 * 9.5 + 10 * 10.5 + 11 * 11.5;
    return sum != expected;
}
