import numpy
import pluck

logits = numpy.array([1.2, 0.3, 4.1, 3.8, -2, 2.9, 0, 3.5], "f4")
sampler = pluck.Sampler("temp=0.8;top_k=4;top_p=0.9;seed=42", 8)
for _ in range(10):
    token = sampler.sample(logits)
    sampler.accept(token)
    print(token, end=" ")
