/* quickstart.cpp: quickstart.c in C++17. */
#include <pluck.hpp>

#include <array>
#include <iostream>

int main() {
    const std::array<float, 8> logits = {1.2f, 0.3f, 4.1f, 3.8f, -2.0f, 2.9f, 0.0f, 3.5f};
    try {
        pluck::sampler sampler("temp=0.8;top_k=4;top_p=0.9;seed=42", 8);
        for (int i = 0; i < 10; i++) {
            const auto token = sampler.sample(logits);
            sampler.accept(token);
            std::cout << token << (i < 9 ? ' ' : '\n');
        }
    } catch (const pluck::error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
