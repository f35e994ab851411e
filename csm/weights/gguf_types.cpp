#include "csm/weights/gguf_types.h"

#include <algorithm>
#include <iterator>

namespace csm::weights {
namespace {

// Those without a Dtype are known by name only.
struct TypeRow {
  std::uint32_t number;
  std::string_view name;
  std::optional<Dtype> dtype = std::nullopt;
};
constexpr TypeRow kTypes[] = {
    {0, "F32", Dtype::kF32},
    {1, "F16", Dtype::kF16},
    {2, "Q4_0", Dtype::kQ4_0},
    {3, "Q4_1"},
    {6, "Q5_0"},
    {7, "Q5_1"},
    {8, "Q8_0", Dtype::kQ8_0},
    {9, "Q8_1"},
    {10, "Q2_K"},
    {11, "Q3_K"},
    {12, "Q4_K", Dtype::kQ4K},
    {13, "Q5_K", Dtype::kQ5K},
    {14, "Q6_K", Dtype::kQ6K},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {20, "IQ4_NL"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {23, "IQ4_XS"},
    {24, "I8", Dtype::kI8},
    {25, "I16", Dtype::kI16},
    {26, "I32", Dtype::kI32},
    {27, "I64", Dtype::kI64},
    {28, "F64", Dtype::kF64},
    {29, "IQ1_M"},
    {30, "BF16", Dtype::kBf16},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {39, "MXFP4"},
    {40, "NVFP4"},
    {41, "Q1_0"},
};

template <class Predicate>
const TypeRow* find(Predicate holds) {
  const auto* row = std::find_if(std::begin(kTypes), std::end(kTypes), holds);
  return row == std::end(kTypes) ? nullptr : row;
}

const TypeRow* row_of(std::uint32_t number) {
  return find([&](const TypeRow& row) { return row.number == number; });
}

}  // namespace

std::optional<Dtype> gguf_dtype(std::uint32_t number) {
  const TypeRow* row = row_of(number);
  return row != nullptr ? row->dtype : std::nullopt;
}

std::optional<std::string_view> gguf_type_name(std::uint32_t number) {
  const TypeRow* row = row_of(number);
  return row != nullptr ? std::optional(row->name) : std::nullopt;
}

std::optional<std::uint32_t> gguf_type_number(Dtype dtype) {
  const TypeRow* row = find([&](const auto& r) { return r.dtype == dtype; });
  return row != nullptr ? std::optional(row->number) : std::nullopt;
}

}  // namespace csm::weights
