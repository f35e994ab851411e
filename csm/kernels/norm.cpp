#include "csm/kernels/norm.h"

#define CSM_KERNEL_BODY "csm/kernels/norm-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<void (*)(const float*, std::int64_t, const float*, float,
                            float*)>
    kRmsNorm = CSM_ISA_TABLE(rms_norm_row);
constexpr IsaTable<void (*)(const float*, std::int64_t, const float*,
                            const float*, float, float*)>
    kLayerNorm = CSM_ISA_TABLE(layer_norm_row);

}  // namespace

void rms_norm(const float* x, std::int64_t width, const float* gain, float eps,
              float* y, Isa isa) {
  kRmsNorm[isa](x, width, gain, eps, y);
}

void layer_norm(const float* x, std::int64_t width, const float* gain,
                const float* bias, float eps, float* y, Isa isa) {
  kLayerNorm[isa](x, width, gain, bias, eps, y);
}

void normalize_rows(const NormWeights& norm, const float* x,
                    std::int64_t n_rows, float* y, ThreadPool* pool, Isa isa) {
  const std::int64_t width = norm.width;
  parallel_for(pool, n_rows, 4 * n_rows * width, [&](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float* in = x + row * width;
      float* out = y + row * width;
      if (norm.bias != nullptr) {
        layer_norm(in, width, norm.gain, norm.bias, norm.eps, out, isa);
      } else {
        rms_norm(in, width, norm.gain, norm.eps, out, isa);
      }
    }
  });
}

}  // namespace csm::kernels
