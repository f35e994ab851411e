#include "csm/sampling/torch_mkl_rng.h"

#include <cfloat>
#include <cmath>
#include <cstdint>

namespace csm::sampling {
namespace {

constexpr std::uint64_t kModulus = (std::uint64_t{1} << 31U) - 1;
constexpr std::uint64_t kMultiplier = 1132489760;

}  // namespace

void exponential_mkl(TorchCpuGenerator& generator, std::span<float> out) {
  std::uint64_t x = generator.next32() % kModulus;
  if (x == 0) x = 1;
  for (float& value : out) {
    const double uniform =
        static_cast<double>(x) / static_cast<double>(kModulus);
    value = static_cast<float>(-std::log(uniform)) + FLT_MIN;
    x = x * kMultiplier % kModulus;
  }
}

}  // namespace csm::sampling
