#include "csm/weights/tensor_writer.h"

#include "csm/base/check.h"

namespace csm::weights {

std::size_t TensorPlan::bytes() const {
  std::size_t n = 1;
  for (const std::int64_t extent : shape) {
    n *= static_cast<std::size_t>(extent);
  }
  CSM_CHECK(n % block_values(dtype) == 0, name);
  return n / block_values(dtype) * block_bytes(dtype);
}

}  // namespace csm::weights
