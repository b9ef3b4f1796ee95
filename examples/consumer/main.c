/*
 * main.c: a program of another project, built against an installed Pluck.
 */
#include <pluck.h>
#include <stdio.h>

int main(void) {
    const float logits[] = {0.0f, 2.0f, 1.0f};
    pluck_sampler *sampler;
    if (pluck_sampler_from_spec(&sampler, "temp=0", 3, NULL) != PLUCK_OK) return 1;
    int32_t token;
    if (pluck_sample(sampler, logits, &token) != PLUCK_OK) return 1;
    pluck_sampler_free(sampler);
    printf("token %d\n", (int)token);
    return 0;
}
