#include "csm/weights/dtype.h"

#include <array>

#include "csm/base/check.h"

namespace csm::weights {
namespace {

struct Row {
  Dtype dtype;
  const char* name;
  std::size_t bytes;
  std::size_t values = 1;
};

constexpr std::array<Row, 20> kRows = {{
    {Dtype::kBool, "BOOL", 1},       {Dtype::kU8, "U8", 1},
    {Dtype::kI8, "I8", 1},           {Dtype::kF8E4M3, "F8_E4M3", 1},
    {Dtype::kF8E5M2, "F8_E5M2", 1},  {Dtype::kU16, "U16", 2},
    {Dtype::kI16, "I16", 2},         {Dtype::kF16, "F16", 2},
    {Dtype::kBf16, "BF16", 2},       {Dtype::kU32, "U32", 4},
    {Dtype::kI32, "I32", 4},         {Dtype::kF32, "F32", 4},
    {Dtype::kU64, "U64", 8},         {Dtype::kI64, "I64", 8},
    {Dtype::kF64, "F64", 8},         {Dtype::kQ4_0, "Q4_0", 18, 32},
    {Dtype::kQ8_0, "Q8_0", 34, 32},  {Dtype::kQ4K, "Q4_K", 144, 256},
    {Dtype::kQ5K, "Q5_K", 176, 256}, {Dtype::kQ6K, "Q6_K", 210, 256},
}};

const Row& row_of(Dtype dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row;
  }
  CSM_CHECK(false, "unknown dtype");
}

}  // namespace

bool is_block(Dtype dtype) { return row_of(dtype).values > 1; }

std::size_t block_values(Dtype dtype) { return row_of(dtype).values; }

std::size_t block_bytes(Dtype dtype) { return row_of(dtype).bytes; }

std::size_t size_of(Dtype dtype) {
  CSM_CHECK(!is_block(dtype), to_string(dtype));
  return row_of(dtype).bytes;
}

const char* to_string(Dtype dtype) { return row_of(dtype).name; }

std::optional<Dtype> parse_dtype(std::string_view name) {
  for (const Row& row : kRows) {
    if (name == row.name && row.values == 1) return row.dtype;
  }
  return std::nullopt;
}

}  // namespace csm::weights
