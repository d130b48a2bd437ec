/* Products with integer activations by AVX-VNNI, which processors without AVX-512 have. */
#include "model/kernel_int8.h"

#if defined __x86_64__
#define TARGET __attribute__((target("avx2,fma,f16c,avxvnni")))
#include "model/kernel_int8_avx2.h"

#define dot(sum, w, a)        _mm256_dpbusd_avx_epi32(sum, w, a)
#define dot_signed(sum, w, a) _mm256_dpbusd_avx_epi32(sum, w, a)

/* Signed bytes + 128 are unsigned. */
INLINE vint as_signed(vint w)
{
    return _mm256_xor_si256(w, each((int)0x80808080));
}

INLINE vint less_signed(const struct kernel_int8 *a)
{
    return each(a->less128);
}

#include "model/kernel_int8_body.h"

void kernel_int8_dot_avxvnni(const struct matmul *p, size_t from, size_t to)
{
    dot_rows(p, from, to);
}

#else
void kernel_int8_dot_avxvnni(const struct matmul *p, size_t from, size_t to)
{
    kernel_int8_dot(p, from, to);
}
#endif
