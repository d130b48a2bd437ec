/* Products with integer activations by AVX-512 VNNI: 16 weight rows side by side. */
#include "model/kernel_int8.h"

#if defined __x86_64__
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#include "model/kernel_int8_avx512.h"

#include "model/kernel_int8_body.h"

void kernel_int8_dot_avx512(const struct matmul *p, size_t from, size_t to)
{
    dot_rows(p, from, to);
}

#else
void kernel_int8_dot_avx512(const struct matmul *p, size_t from, size_t to)
{
    kernel_int8_dot(p, from, to);
}
#endif
