// Chains of the instruction that the integer products of each instruction set
// consist of (dot_*.h), for dot_peak().

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "csm/kernels/machine_probe.h"
#include "csm/kernels/peak_time.h"
#include "csm/kernels/simd_target.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace csm::kernels {
namespace {

constexpr unsigned kChains = 12;  // independent, to hide the latency

/// What chain c begins with: from equal beginnings the compiler would compute
/// equal chains once.
constexpr int first_of(unsigned c) { return static_cast<int>(c) + 1; }

/// One way to multiply: its chains, and the multiply-adds of one instruction
/// that serve a weight (an 8-bit weight may take two).
struct DotChains {
  std::int32_t (*run)(std::int64_t rounds);
  double macs;
};

std::int32_t plain_chains(std::int64_t rounds) {
  std::int32_t sums[kChains] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) {
      sums[c] = static_cast<std::int32_t>(
          static_cast<std::uint32_t>(sums[c]) * 3U + c);
    }
  }
  std::uint32_t total = 0;
  for (const std::int32_t sum : sums) total += static_cast<std::uint32_t>(sum);
  return static_cast<std::int32_t>(total | 1U);
}

#if defined(__x86_64__)

CSM_TARGET_BEGIN_AVX2
std::int32_t maddubs_chains(std::int64_t rounds) {
  const __m256i ones = _mm256_set1_epi8(1);
  __m256i sums[kChains];
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) {
    sums[c] = _mm256_set1_epi32(first_of(c));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) {
      sums[c] = _mm256_maddubs_epi16(sums[c], ones);
    }
  }
  __m256i total = ones;
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c)
    total = _mm256_or_si256(total, sums[c]);
  return _mm256_extract_epi32(total, 0);
}

std::int32_t madd_chains(std::int64_t rounds) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[kChains];
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) {
    sums[c] = _mm256_set1_epi32(first_of(c));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) {
      sums[c] = _mm256_madd_epi16(sums[c], ones);
    }
  }
  __m256i total = ones;
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c)
    total = _mm256_or_si256(total, sums[c]);
  return _mm256_extract_epi32(total, 0);
}
CSM_TARGET_END

CSM_TARGET_BEGIN_AVX512VNNI
std::int32_t dpbusd_chains(std::int64_t rounds) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sums[kChains];
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) {
    sums[c] = _mm512_set1_epi32(first_of(c));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) {
      sums[c] = _mm512_dpbusd_epi32(sums[c], ones, ones);
    }
  }
  __m512i total = ones;
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c)
    total = _mm512_or_si512(total, sums[c]);
  return _mm_cvtsi128_si32(_mm512_maskz_extracti32x4_epi32(0xF, total, 0));
}
CSM_TARGET_END

DotChains chains_of(WeightType type, Isa isa) {
  const bool int4 = type == WeightType::kInt4;
  switch (isa) {
    case Isa::kAvx512Vnni:
      return {dpbusd_chains, int4 ? 64.0 : 32.0};
    case Isa::kAvx2:
    case Isa::kAvx512:
      return int4 ? DotChains{maddubs_chains, 32} : DotChains{madd_chains, 16};
    default:
      return {plain_chains, 1};
  }
}

#elif defined(__aarch64__)

std::int32_t mlal_chains(std::int64_t rounds) {
  const int16x4_t ones = vdup_n_s16(1);
  int32x4_t sums[kChains];
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) {
    sums[c] = vdupq_n_s32(first_of(c));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) {
      sums[c] = vmlal_s16(sums[c], ones, ones);
    }
  }
  int32x4_t total = vdupq_n_s32(1);
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) total = vorrq_s32(total, sums[c]);
  return vgetq_lane_s32(total, 0);
}

CSM_TARGET_BEGIN_NEONDOT
std::int32_t vdot_chains(std::int64_t rounds) {
  const int8x16_t ones = vdupq_n_s8(1);
  int32x4_t sums[kChains];
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) {
    sums[c] = vdupq_n_s32(first_of(c));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) {
      sums[c] = vdotq_s32(sums[c], ones, ones);
    }
  }
  int32x4_t total = vdupq_n_s32(1);
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) total = vorrq_s32(total, sums[c]);
  return vgetq_lane_s32(total, 0);
}
CSM_TARGET_END

DotChains chains_of(WeightType type, Isa isa) {
  switch (isa) {
    case Isa::kNeonDot:
      return {vdot_chains, type == WeightType::kInt4 ? 16.0 : 8.0};
    case Isa::kNeon:
      return {mlal_chains, 4};
    default:
      return {plain_chains, 1};
  }
}

#else

DotChains chains_of(WeightType, Isa) { return {plain_chains, 1}; }

#endif

}  // namespace

double dot_peak(ThreadPool& pool, WeightType type, Isa isa) {
  const DotChains chains = chains_of(type, isa);
  std::vector<std::int32_t> results(static_cast<std::size_t>(pool.size()));
  const double rounds =
      best_rounds_per_second(pool, [&](int thread, std::int64_t n) {
        results[static_cast<std::size_t>(thread)] |= chains.run(n);
      });
  // Reading the results keeps the work from being removed.
  const bool all =
      std::find(results.begin(), results.end(), 0) == results.end();
  return all ? 2.0 * chains.macs * kChains * rounds : 0.0;
}

}  // namespace csm::kernels
