/* The popcount roofline: how many bits per second one core can xor, count and add up.
 *
 * Each loop works on registers only and has several accumulators, so that neither memory nor a chain of dependent
 * additions limits it. An empty asm statement makes the weight unknown before each use, or the compiler would count
 * once and multiply. Results mean nothing; they keep the compiler from leaving the work out. */
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__)
#error "the popcount roofline is written for x86_64"
#endif
#include <immintrin.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE(isa) __attribute__((target(isa), always_inline)) static inline
#define AVX2 "avx2"
#define AVX512 "avx512f,avx512bw"

static uint64_t pattern(int i) { return (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u; }

/* 64-bit words and vectors with a popcount instruction: one xor, one count, one addition. Five words: with their
 * accumulators, the weight and a temporary they fit the 16 general registers. */
#define WORDS 5
__attribute__((target("popcnt"))) static uint64_t run_popcnt(size_t rounds) {
  uint64_t weight = rounds, input[WORDS], sum[WORDS] = {0}, total = 0;
  for (int i = 0; i < WORDS; ++i) input[i] = pattern(i);
  for (size_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+r"(weight));
#pragma GCC unroll 5
    for (int i = 0; i < WORDS; ++i) sum[i] += (uint64_t)__builtin_popcountll(input[i] ^ weight);
  }
  for (int i = 0; i < WORDS; ++i) total += sum[i];
  return total;
}

#define VECTORS 12
__attribute__((target("avx512f,avx512vpopcntdq"))) static uint64_t run_vpopcntq(size_t rounds) {
  __m512i weight = _mm512_set1_epi64((long long)rounds), input[VECTORS], sum[VECTORS];
  for (int i = 0; i < VECTORS; ++i) {
    input[i] = _mm512_set1_epi64((long long)pattern(i));
    sum[i] = _mm512_setzero_si512();
  }
  for (size_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+v"(weight));
#pragma GCC unroll 12
    for (int i = 0; i < VECTORS; ++i) {
      sum[i] = _mm512_add_epi64(sum[i], _mm512_popcnt_epi64(_mm512_xor_si512(input[i], weight)));
    }
  }
  for (int i = 1; i < VECTORS; ++i) sum[0] = _mm512_add_epi64(sum[0], sum[i]);
  return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}

/* Without one: pshufb looks nibbles up. The counts of bytes are added as bytes, and widened before they overflow: a
 * step adds at most 16 to a byte, because two inputs share an accumulator, and 15 steps at most 240. */
#define STEPS 15
#define SUMS 2
#define NIBBLE_COUNTS 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4

INLINE(AVX2) __m256i count_bytes256(__m256i x) {
  const __m256i table = _mm256_setr_epi8(NIBBLE_COUNTS, NIBBLE_COUNTS), low = _mm256_set1_epi8(15);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                         _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
}
INLINE(AVX2) __m256i widen256(__m256i bytes) { return _mm256_sad_epu8(bytes, _mm256_setzero_si256()); }
INLINE(AVX2) uint64_t total256(__m256i x) {
  return (uint64_t)(_mm256_extract_epi64(x, 0) + _mm256_extract_epi64(x, 1) + _mm256_extract_epi64(x, 2) +
                    _mm256_extract_epi64(x, 3));
}

__attribute__((target(AVX2))) static uint64_t run_pshufb256(size_t rounds) {
  __m256i weight = _mm256_set1_epi64x((long long)rounds), input[2 * SUMS], total = _mm256_setzero_si256();
  for (int i = 0; i < 2 * SUMS; ++i) input[i] = _mm256_set1_epi64x((long long)pattern(i));
  for (size_t round = 0; round < rounds; ++round) {
    __m256i sum[SUMS];
    for (int i = 0; i < SUMS; ++i) sum[i] = _mm256_setzero_si256();
    for (int step = 0; step < STEPS; ++step) {
      __asm__ volatile("" : "+x"(weight));
#pragma GCC unroll 4
      for (int i = 0; i < 2 * SUMS; ++i) {
        sum[i / 2] = _mm256_add_epi8(sum[i / 2], count_bytes256(_mm256_xor_si256(input[i], weight)));
      }
    }
    for (int i = 0; i < SUMS; ++i) total = _mm256_add_epi64(total, widen256(sum[i]));
  }
  return total256(total);
}

INLINE(AVX512) __m512i count_bytes512(__m512i x) {
  const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(NIBBLE_COUNTS)), low = _mm512_set1_epi8(15);
  return _mm512_add_epi8(_mm512_shuffle_epi8(table, _mm512_and_si512(x, low)),
                         _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), low)));
}
INLINE(AVX512) __m512i widen512(__m512i bytes) { return _mm512_sad_epu8(bytes, _mm512_setzero_si512()); }

__attribute__((target(AVX512))) static uint64_t run_pshufb512(size_t rounds) {
  __m512i weight = _mm512_set1_epi64((long long)rounds), input[2 * SUMS], total = _mm512_setzero_si512();
  for (int i = 0; i < 2 * SUMS; ++i) input[i] = _mm512_set1_epi64((long long)pattern(i));
  for (size_t round = 0; round < rounds; ++round) {
    __m512i sum[SUMS];
    for (int i = 0; i < SUMS; ++i) sum[i] = _mm512_setzero_si512();
    for (int step = 0; step < STEPS; ++step) {
      __asm__ volatile("" : "+v"(weight));
#pragma GCC unroll 4
      for (int i = 0; i < 2 * SUMS; ++i) {
        sum[i / 2] = _mm512_add_epi8(sum[i / 2], count_bytes512(_mm512_xor_si512(input[i], weight)));
      }
    }
    for (int i = 0; i < SUMS; ++i) total = _mm512_add_epi64(total, widen512(sum[i]));
  }
  return (uint64_t)_mm512_reduce_add_epi64(total);
}

/* Or carry-save adders (Harley and Seal): a sum of weight 1 and two words become a sum of weight 1 and a carry of
 * weight 2, and so on up, so that of 16 words only one is looked up. */
#define LEVELS 4
#define PAIRS 8

INLINE(AVX2) __m256i add256(__m256i *sum, __m256i a, __m256i b) {
  const __m256i half = _mm256_xor_si256(*sum, a);
  const __m256i carry = _mm256_or_si256(_mm256_and_si256(*sum, a), _mm256_and_si256(half, b));
  *sum = _mm256_xor_si256(half, b);
  return carry;
}

__attribute__((target(AVX2))) static uint64_t run_carry_save256(size_t rounds) {
  __m256i weight = _mm256_set1_epi64x((long long)rounds), total = _mm256_setzero_si256(), sum[LEVELS], waiting[LEVELS];
  const __m256i first = _mm256_set1_epi64x((long long)pattern(0)), second = _mm256_set1_epi64x((long long)pattern(1));
  for (int level = 0; level < LEVELS; ++level) sum[level] = waiting[level] = total;
  for (size_t round = 0; round < rounds; ++round) {
    __m256i carry = total;
#pragma GCC unroll 8
    for (int pair = 0; pair < PAIRS; ++pair) {
      __asm__ volatile("" : "+x"(weight));
      __m256i a = _mm256_xor_si256(first, weight), b = _mm256_xor_si256(second, weight);
      __asm__ volatile("" : "+x"(a), "+x"(b)); /* or a ^ b would be taken for first ^ second */
      carry = add256(&sum[0], a, b);
#pragma GCC unroll 4
      for (int level = 1; level < LEVELS; ++level) {
        if ((pair >> (level - 1) & 1) == 0) {
          waiting[level] = carry;
          break;
        }
        carry = add256(&sum[level], waiting[level], carry);
      }
    }
    total = _mm256_add_epi64(total, widen256(count_bytes256(carry)));
  }
  return total256(total);
}

INLINE(AVX512) __m512i add512(__m512i *sum, __m512i a, __m512i b) {
  const __m512i carry = _mm512_ternarylogic_epi64(*sum, a, b, 0xE8); /* majority */
  *sum = _mm512_ternarylogic_epi64(*sum, a, b, 0x96);                /* parity */
  return carry;
}

__attribute__((target(AVX512))) static uint64_t run_carry_save512(size_t rounds) {
  __m512i weight = _mm512_set1_epi64((long long)rounds), total = _mm512_setzero_si512(), sum[LEVELS], waiting[LEVELS];
  const __m512i first = _mm512_set1_epi64((long long)pattern(0)), second = _mm512_set1_epi64((long long)pattern(1));
  for (int level = 0; level < LEVELS; ++level) sum[level] = waiting[level] = total;
  for (size_t round = 0; round < rounds; ++round) {
    __m512i carry = total;
#pragma GCC unroll 8
    for (int pair = 0; pair < PAIRS; ++pair) {
      __asm__ volatile("" : "+v"(weight));
      __m512i a = _mm512_xor_si512(first, weight), b = _mm512_xor_si512(second, weight);
      __asm__ volatile("" : "+v"(a), "+v"(b)); /* or a ^ b would be taken for first ^ second */
      carry = add512(&sum[0], a, b);
#pragma GCC unroll 4
      for (int level = 1; level < LEVELS; ++level) {
        if ((pair >> (level - 1) & 1) == 0) {
          waiting[level] = carry;
          break;
        }
        carry = add512(&sum[level], waiting[level], carry);
      }
    }
    total = _mm512_add_epi64(total, widen512(count_bytes512(carry)));
  }
  return (uint64_t)_mm512_reduce_add_epi64(total);
}

static int has_popcnt(void) { return __builtin_cpu_supports("popcnt"); }
static int has_avx2(void) { return __builtin_cpu_supports("avx2"); }
static int has_avx512bw(void) { return __builtin_cpu_supports("avx512bw"); }
static int has_vpopcntdq(void) { return __builtin_cpu_supports("avx512vpopcntdq"); }

static const struct {
  const char *name;
  int (*supported)(void);
  uint64_t (*run)(size_t rounds);
  uint64_t bits; /* of one round */
} ROOFLINES[] = {
    {"popcnt 64", has_popcnt, run_popcnt, WORDS * 64},
    {"pshufb 256", has_avx2, run_pshufb256, STEPS * 2 * SUMS * 256},
    {"carry-save 256", has_avx2, run_carry_save256, 2 * PAIRS * 256},
    {"pshufb 512", has_avx512bw, run_pshufb512, STEPS * 2 * SUMS * 512},
    {"carry-save 512", has_avx512bw, run_carry_save512, 2 * PAIRS * 512},
    {"vpopcntq 512", has_vpopcntdq, run_vpopcntq, VECTORS * 512},
};

/* NULL after the last one. */
EXPORT const char *roofline_name(size_t index) {
  return index < sizeof ROOFLINES / sizeof ROOFLINES[0] ? ROOFLINES[index].name : NULL;
}
EXPORT int roofline_supported(size_t index) { return ROOFLINES[index].supported(); }
EXPORT uint64_t roofline_bits(size_t index) { return ROOFLINES[index].bits; }
EXPORT uint64_t roofline_run(size_t index, size_t rounds) { return ROOFLINES[index].run(rounds); }
