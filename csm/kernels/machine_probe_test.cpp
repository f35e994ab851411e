#include "csm/kernels/machine_probe.h"

#include <gtest/gtest.h>

namespace csm::kernels {
namespace {

// Speeds of any machine that could run these tests, and of none that exists.
TEST(MachineProbe, SpeedsArePossible) {
  ThreadPool pool(2);
  for (const Isa isa : available_isas()) {
    SCOPED_TRACE(to_string(isa));
    const double operations = fma_peak(pool, isa);
    EXPECT_GT(operations, 1e6);
    EXPECT_LT(operations, 1e12);
    for (const auto type : {WeightType::kInt8, WeightType::kInt4}) {
      const double products = dot_peak(pool, type, isa);
      EXPECT_GT(products, 1e6);
      EXPECT_LT(products, 1e14);
    }
    BandwidthProbe probe(pool, isa);
    EXPECT_GE(probe.bytes(), 256UL << 20U);
    const double bytes = probe.measure(0.01);
    EXPECT_GT(bytes, 1e7);
    EXPECT_LT(bytes, 1e12);
  }
}

TEST(MachineProbe, WideRegistersBeatScalarOnes) {
  ThreadPool pool(1);
  const Isa best = available_isas().back();
  if (best == Isa::kScalar) GTEST_SKIP() << "scalar only";
  EXPECT_GT(fma_peak(pool, best), 2 * fma_peak(pool, Isa::kScalar));
  EXPECT_GT(dot_peak(pool, WeightType::kInt4, best),
            2 * dot_peak(pool, WeightType::kInt4, Isa::kScalar));
}

}  // namespace
}  // namespace csm::kernels
