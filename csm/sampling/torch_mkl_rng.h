#pragma once

#include <span>

#include "csm/sampling/torch_rng.h"

namespace csm::sampling {

/// One `exponential_(1)` call of the torch builds that used MKL on the CPU
/// (2.4.0 among them, the version that the original CSM pins).
///
/// Takes ONE word of `generator` per call, whatever the length: it seeds
/// MKL's MCG31 generator, x(n+1) = 1132489760 x(n) mod 2^31 - 1, and value n
/// is -ln(x(n) / (2^31 - 1)) + FLT_MIN.
/// Exact: the published values of torch issue 150538 to their four digits
///   (csm/sampling/torch_mkl_rng_test.cpp); MKL's last bits are unknown.
void exponential_mkl(TorchCpuGenerator& generator, std::span<float> out);

}  // namespace csm::sampling
