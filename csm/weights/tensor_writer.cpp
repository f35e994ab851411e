#include "csm/weights/tensor_writer.h"

#include "csm/base/check.h"
#include "csm/base/str_cat.h"

namespace csm::weights {

std::size_t TensorPlan::bytes() const {
  std::size_t n = 1;
  for (const std::int64_t extent : shape) {
    n *= static_cast<std::size_t>(extent);
  }
  CSM_CHECK(n % block_values(dtype) == 0, name);
  return n / block_values(dtype) * block_bytes(dtype);
}

TensorWriter::TensorWriter(const std::filesystem::path& path,
                           const char* component)
    : path_(path),
      component_(component),
      out_(path, std::ios::binary | std::ios::trunc) {
  if (!out_) fail(ErrorCode::kInvalidArgument);
}

void TensorWriter::put(std::span<const std::byte> data) {
  out_.write(reinterpret_cast<const char*>(data.data()),
             static_cast<std::streamsize>(data.size()));
  if (!out_) fail(ErrorCode::kExhausted);
}

void TensorWriter::close() {
  out_.close();
  if (!out_) fail(ErrorCode::kExhausted);
}

void TensorWriter::fail(ErrorCode code) const {
  throw Error(code, str_cat("[weights.", component_, "] cannot write (",
                            path_.string(), ")"));
}

}  // namespace csm::weights
