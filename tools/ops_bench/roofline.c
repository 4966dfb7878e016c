/* The popcount roofline: how many xor-popcount-add triples a second one core can do.
 *
 * Each loop works on registers only: INPUTS are xored with a weight, counted, and added to accumulators of their own,
 * so that neither memory nor a chain of dependent additions limits it. An empty asm statement makes the weight unknown
 * after each round, or the compiler would count once and multiply. */
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct roofline {
  const char *name;
  int (*supported)(void);
  uint64_t (*run)(size_t rounds);
  uint64_t bits; /* xored and counted in one round */
} roofline;

#if defined(__x86_64__)
#include <immintrin.h>

#define INPUTS 12

static uint64_t pattern(int i) { return (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u; }

static int has_popcnt(void) { return __builtin_cpu_supports("popcnt"); }
static int has_avx2(void) { return __builtin_cpu_supports("avx2"); }
static int has_avx512bw(void) { return __builtin_cpu_supports("avx512bw"); }
static int has_vpopcntdq(void) { return __builtin_cpu_supports("avx512vpopcntdq"); }

/* Five inputs: with their accumulators, the weight and a temporary they fit the 16 general registers. */
#define SCALAR_INPUTS 5
__attribute__((target("popcnt"))) static uint64_t run_popcnt(size_t rounds) {
  uint64_t weight = rounds, input[SCALAR_INPUTS], sum[SCALAR_INPUTS] = {0}, total = 0;
  for (int i = 0; i < SCALAR_INPUTS; ++i) input[i] = pattern(i);
  for (size_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+r"(weight));
#pragma GCC unroll 5
    for (int i = 0; i < SCALAR_INPUTS; ++i) sum[i] += (uint64_t)__builtin_popcountll(input[i] ^ weight);
  }
  for (int i = 0; i < SCALAR_INPUTS; ++i) total += sum[i];
  return total;
}

/* Nibbles are looked up by pshufb and added as bytes; bytes are widened every 15 rounds, before they can overflow
 * (a byte grows by at most 8 a step and holds 255, and two inputs share an accumulator: 15 * 2 * 8 = 240). */
#define STEPS 15
#define PAIRS 2
__attribute__((target("avx2"))) static uint64_t run_pshufb256(size_t rounds) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2,
                                         2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15);
  __m256i weight = _mm256_set1_epi64x((long long)rounds), input[2 * PAIRS], wide = _mm256_setzero_si256();
  for (int i = 0; i < 2 * PAIRS; ++i) input[i] = _mm256_set1_epi64x((long long)pattern(i));
  for (size_t round = 0; round < rounds; ++round) {
    __m256i sum[PAIRS];
    for (int i = 0; i < PAIRS; ++i) sum[i] = _mm256_setzero_si256();
    for (int step = 0; step < STEPS; ++step) {
      __asm__ volatile("" : "+x"(weight));
#pragma GCC unroll 4
      for (int i = 0; i < 2 * PAIRS; ++i) {
        const __m256i x = _mm256_xor_si256(input[i], weight);
        const __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(x, low));
        const __m256i b = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low));
        sum[i / 2] = _mm256_add_epi8(sum[i / 2], _mm256_add_epi8(a, b));
      }
    }
    for (int i = 0; i < PAIRS; ++i) wide = _mm256_add_epi64(wide, _mm256_sad_epu8(sum[i], _mm256_setzero_si256()));
  }
  return (uint64_t)(_mm256_extract_epi64(wide, 0) + _mm256_extract_epi64(wide, 1) + _mm256_extract_epi64(wide, 2) +
                    _mm256_extract_epi64(wide, 3));
}

__attribute__((target("avx512f,avx512bw"))) static uint64_t run_pshufb512(size_t rounds) {
  const __m512i table =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const __m512i low = _mm512_set1_epi8(15);
  __m512i weight = _mm512_set1_epi64((long long)rounds), input[2 * PAIRS], wide = _mm512_setzero_si512();
  for (int i = 0; i < 2 * PAIRS; ++i) input[i] = _mm512_set1_epi64((long long)pattern(i));
  for (size_t round = 0; round < rounds; ++round) {
    __m512i sum[PAIRS];
    for (int i = 0; i < PAIRS; ++i) sum[i] = _mm512_setzero_si512();
    for (int step = 0; step < STEPS; ++step) {
      __asm__ volatile("" : "+v"(weight));
#pragma GCC unroll 4
      for (int i = 0; i < 2 * PAIRS; ++i) {
        const __m512i x = _mm512_xor_si512(input[i], weight);
        const __m512i a = _mm512_shuffle_epi8(table, _mm512_and_si512(x, low));
        const __m512i b = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), low));
        sum[i / 2] = _mm512_add_epi8(sum[i / 2], _mm512_add_epi8(a, b));
      }
    }
    for (int i = 0; i < PAIRS; ++i) wide = _mm512_add_epi64(wide, _mm512_sad_epu8(sum[i], _mm512_setzero_si512()));
  }
  return (uint64_t)_mm512_reduce_add_epi64(wide);
}

__attribute__((target("avx512f,avx512vpopcntdq"))) static uint64_t run_vpopcntdq512(size_t rounds) {
  __m512i weight = _mm512_set1_epi64((long long)rounds), input[INPUTS], sum[INPUTS];
  for (int i = 0; i < INPUTS; ++i) {
    input[i] = _mm512_set1_epi64((long long)pattern(i));
    sum[i] = _mm512_setzero_si512();
  }
  for (size_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+v"(weight));
#pragma GCC unroll 12
    for (int i = 0; i < INPUTS; ++i) {
      sum[i] = _mm512_add_epi64(sum[i], _mm512_popcnt_epi64(_mm512_xor_si512(input[i], weight)));
    }
  }
  for (int i = 1; i < INPUTS; ++i) sum[0] = _mm512_add_epi64(sum[0], sum[i]);
  return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}

static const roofline ROOFLINES[] = {
    {"popcnt 64 bit", has_popcnt, run_popcnt, SCALAR_INPUTS * 64},
    {"pshufb 256 bit", has_avx2, run_pshufb256, (uint64_t)STEPS * 2 * PAIRS * 256},
    {"pshufb 512 bit", has_avx512bw, run_pshufb512, (uint64_t)STEPS * 2 * PAIRS * 512},
    {"vpopcntq 512 bit", has_vpopcntdq, run_vpopcntdq512, INPUTS * 512},
};
#else
#error "the popcount roofline is written for x86_64"
#endif

EXPORT const char *roofline_name(size_t index) {
  return index < sizeof ROOFLINES / sizeof ROOFLINES[0] ? ROOFLINES[index].name : NULL;
}
EXPORT int roofline_supported(size_t index) { return ROOFLINES[index].supported(); }
EXPORT uint64_t roofline_bits(size_t index) { return ROOFLINES[index].bits; }
EXPORT uint64_t roofline_run(size_t index, size_t rounds) { return ROOFLINES[index].run(rounds); }
