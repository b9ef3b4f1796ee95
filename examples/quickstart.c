#include <pluck.h>
#include <stdio.h>

int main(void) {
    const float logits[] = {1.2f, 0.3f, 4.1f, 3.8f, -2.0f, 2.9f, 0.0f, 3.5f};
    pluck_sampler *sampler;
    if (pluck_sampler_from_spec(&sampler, "temp=0.8;top_k=4;top_p=0.9;seed=42", 8, NULL)) return 1;
    for (int i = 0; i < 10; i++) {
        int32_t token;
        if (pluck_sample(sampler, logits, &token)) return 1;
        pluck_accept(sampler, token);
        printf("%d%c", (int)token, i < 9 ? ' ' : '\n');
    }
    pluck_sampler_free(sampler);
}
