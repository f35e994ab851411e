#include "csm/weights/gguf_packing.h"

#include <algorithm>
#include <span>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/ggml_blocks.h"

namespace csm::weights {
namespace {

constexpr std::size_t kBlocks = 64;  // looked at, 9 KiB
constexpr std::size_t kGroup = 32;
constexpr double kMostInMeans = 0.25;

// The part of the squares of all values that is in the means of their groups.
double share_of_means(std::span<const float> values) {
  double means = 0;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); i += kGroup) {
    double sum = 0;
    for (const float value : values.subspan(i, kGroup)) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    means += sum * sum / kGroup;
  }
  return squares > 0 ? means / squares : 0;
}

}  // namespace

void check_packing(const TensorFile& file) {
  std::vector<float> values;
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.dtype != Dtype::kQ4K) continue;
    const std::size_t size =
        std::min(tensor.bytes.size(), kBlocks * block_bytes(tensor.dtype));
    values.resize(size / block_bytes(tensor.dtype) *
                  block_values(tensor.dtype));
    dequantize_blocks(tensor.dtype, tensor.bytes.first(size), values.data());
    const double share = share_of_means(values);
    if (!(share > kMostInMeans)) continue;
    throw Error(
        ErrorCode::kUnsupported,
        str_cat("[weights.gguf] expected Q4_K blocks as ggml packs them, got "
                "values that are ",
                static_cast<int>(100 * share),
                " % offset, as in files of csm.rs (", file.path().string(),
                ", tensor ", printable(tensor.name), ")"));
  }
}

}  // namespace csm::weights
