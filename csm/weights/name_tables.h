#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/tensor_names.h"

namespace csm::weights {

/// Names of tensors in a layout and their canonical names, as forms: text in
/// which {} stands for a number below 1000, {a,b} for one of these words, and
/// [a|b] for spellings of which the first is written. The holes {} and {a,b}
/// of both forms belong together in their order. No word is the beginning of
/// another one of its choice.
struct NameRow {
  std::string_view source;
  std::string_view canonical;
  bool interleaved = false;  ///< as TensorRole
  int part = 0;              ///< as TensorRole
  int n_parts = 1;
};

/// Rows whose names stand behind a prefix.
struct NameTable {
  std::span<const NameRow> rows;
  std::string_view source_prefix;
  std::string_view canonical_prefix;
};

/// The tables of a layout, the names to be written first.
[[nodiscard]] std::span<const NameTable> name_tables(Layout layout);

/// What `name` means by another form; nothing unless it has the form `from`.
[[nodiscard]] std::optional<std::string> translate(std::string_view name,
                                                   std::string_view from,
                                                   std::string_view to);

/// The number between `prefix` and a point ("a.12.x" with prefix "a.").
[[nodiscard]] std::optional<int> number_behind(std::string_view name,
                                               std::string_view prefix);

}  // namespace csm::weights
