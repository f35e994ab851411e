#include "csm/weights/lora.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/lora_config.h"
#include "csm/weights/read_tensor.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigName = "adapter_config.json";
constexpr const char* kTensorsName = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kWeight = ".weight";

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[weights.lora] ", what, " (", where, ")"));
}

[[noreturn]] void corrupt(const std::string& what, const SourceTensor& tensor) {
  fail(ErrorCode::kCorrupt, what, where_of(tensor));
}

enum class Piece { kA, kB, kTableA, kTableB, kBase, kWhole };

// The tensor of the model that a tensor changes, and what it is for that.
struct Named {
  std::string changed;
  Piece piece = Piece::kWhole;
};

// PEFT writes "lora_A.weight", with an adapter's name between the two in
// memory.
std::optional<Named> parse_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  struct Ending {
    std::string_view text;
    Piece piece;
  };
  constexpr Ending kEndings[] = {
      {".lora_A.weight", Piece::kA},
      {".lora_A.default.weight", Piece::kA},
      {".lora_B.weight", Piece::kB},
      {".lora_B.default.weight", Piece::kB},
      {".lora_embedding_A", Piece::kTableA},
      {".lora_embedding_A.default", Piece::kTableA},
      {".lora_embedding_B", Piece::kTableB},
      {".lora_embedding_B.default", Piece::kTableB},
      {".base_layer.weight", Piece::kBase},
  };
  for (const Ending& ending : kEndings) {
    if (!name.ends_with(ending.text)) continue;
    name.remove_suffix(ending.text.size());
    return Named{str_cat(name, kWeight), ending.piece};
  }
  return Named{std::string(name), Piece::kWhole};
}

void check_shape(const SourceTensor& tensor,
                 const std::vector<std::int64_t>& expected) {
  if (!is_convertible(tensor.view.dtype)) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected dtype F32, F16 or BF16, got ",
                 to_string(tensor.view.dtype)),
         where_of(tensor));
  }
  if (tensor.view.shape == expected) return;
  corrupt(str_cat("expected shape ", to_string(expected), ", got ",
                  to_string(tensor.view.shape)),
          tensor);
}

// All values as float32.
mx::array values_of(const SourceTensor& tensor) {
  std::vector<int> shape;
  for (const std::int64_t extent : tensor.view.shape) {
    shape.push_back(static_cast<int>(extent));
  }
  return read_values(tensor, 0, shape, mx::float32);
}

std::size_t to_size(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

// left [rows, rank] and right [rank, columns] of a matrix's change.
struct LoraAdapter::Factors {
  std::vector<float> left;
  std::vector<float> right;
  std::size_t rank = 0;

  // [rows, rank] or its transpose, from elements at steps of a row and of a
  // rank.
  static std::vector<float> pick(const mx::array& from, std::size_t first,
                                 std::size_t n_outer, std::size_t outer_step,
                                 std::size_t n_inner, std::size_t inner_step) {
    std::vector<float> out;
    out.reserve(n_outer * n_inner);
    for (std::size_t i = 0; i < n_outer; ++i) {
      for (std::size_t j = 0; j < n_inner; ++j) {
        out.push_back(
            from.data<float>()[first + i * outer_step + j * inner_step]);
      }
    }
    return out;
  }

  // values += scale * (left right), the sum over the rank first.
  void add_to(mx::array& values, float scale) const {
    const std::size_t columns = right.size() / rank;
    std::vector<float> row(columns);
    float* out = values.data<float>();
    for (std::size_t r = 0; r < left.size() / rank; ++r) {
      std::fill(row.begin(), row.end(), 0.0F);
      for (std::size_t k = 0; k < rank; ++k) {
        const float factor = left[r * rank + k];
        const float* from = right.data() + k * columns;
        for (std::size_t c = 0; c < columns; ++c) row[c] += factor * from[c];
      }
      for (std::size_t c = 0; c < columns; ++c) {
        out[r * columns + c] += row[c] * scale;
      }
    }
  }
};

std::vector<fs::path> LoraAdapter::files_of(const fs::path& folder) {
  return {folder / kConfigName, folder / kTensorsName};
}

LoraAdapter LoraAdapter::open(const fs::path& folder, double strength) {
  const LoraConfig config = LoraConfig::load(folder);
  if (!fs::is_regular_file(folder / kTensorsName)) {
    fail(ErrorCode::kNotFound, str_cat("expected ", kTensorsName, ", got none"),
         folder.string());
  }
  LoraAdapter out(Checkpoint::open(folder / kTensorsName));
  for (const auto& [name, tensor] : out.checkpoint_.tensors()) out.add(tensor);
  out.check_pairs();
  for (auto& [canonical, change] : out.changes_) {
    if (change.whole != nullptr) {
      if (strength == 1) continue;
      fail(ErrorCode::kUnsupported,
           str_cat("expected strength 1 of an adapter with whole modules, got ",
                   strength),
           where_of(*change.whole));
    }
    std::string module = parse_name(change.a->view.name)->changed;
    module.resize(module.size() - kWeight.size());
    change.rank = config.rank(module);
    change.scale = static_cast<float>(config.scale(module) * strength);
  }
  return out;
}

void LoraAdapter::add(const SourceTensor& tensor) {
  const auto named = parse_name(tensor.view.name);
  const auto canonical =
      named ? canonical_name(Layout::kHuggingFace, named->changed)
            : std::nullopt;
  if (!canonical) {
    corrupt("expected lora_A and lora_B of a module of CSM", tensor);
  }
  Change& change = changes_[*canonical];
  const SourceTensor** place = &change.whole;
  if (named->piece == Piece::kA || named->piece == Piece::kTableA) {
    place = &change.a;
  } else if (named->piece == Piece::kB || named->piece == Piece::kTableB) {
    place = &change.b;
  } else if (named->piece == Piece::kBase) {
    place = &change.base;
  }
  change.is_table |=
      named->piece == Piece::kTableA || named->piece == Piece::kTableB;
  if (*place != nullptr) corrupt("expected such a tensor once", tensor);
  *place = &tensor;
}

void LoraAdapter::check_pairs() const {
  if (changes_.empty()) {
    fail(ErrorCode::kCorrupt, "expected tensors of an adapter, got none",
         checkpoint_.path().string());
  }
  for (const auto& [canonical, change] : changes_) {
    const bool has_product = change.a != nullptr && change.b != nullptr;
    const bool has_part =
        change.a != nullptr || change.b != nullptr || change.base != nullptr;
    if (change.whole != nullptr ? !has_part : has_product) continue;
    for (const SourceTensor* some :
         {change.a, change.b, change.base, change.whole}) {
      if (some == nullptr) continue;
      corrupt("expected lora_A and lora_B together and alone, got another set",
              *some);
    }
  }
}

std::vector<std::string> LoraAdapter::names() const {
  std::vector<std::string> out;
  for (const auto& [name, change] : changes_) out.push_back(name);
  return out;
}

// PEFT keeps the matrices of a stack together: A is [stack, rank, in] and B is
// [out, rank, stack], where "in" is the stack's second extent up to PEFT 0.18
// and its third from 0.19 on.
LoraAdapter::Factors LoraAdapter::factors_of(const Change& change,
                                             const std::vector<int>& shape,
                                             std::optional<int> part) {
  const std::int64_t n = part ? shape.front() : 1;
  const std::int64_t rank = change.rank;
  const std::int64_t rows = shape[part ? 1 : 0];
  const std::int64_t columns = shape.back();
  const auto& a_shape = change.a->view.shape;
  if (part && rows == columns) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected matrices that are not square, got ",
                 to_string(std::vector<std::int64_t>{n, rows, columns})),
         where_of(*change.a));
  }
  // Whether A belongs to the rows of what is changed, not to its columns.
  const bool swapped = change.is_table ||
                       (part && a_shape.size() == 2 && a_shape.back() == rows);
  check_shape(*change.a, {n * rank, swapped ? rows : columns});
  check_shape(*change.b, {swapped ? columns : rows, rank * n});
  const mx::array a = values_of(*change.a);
  const mx::array b = values_of(*change.b);
  const std::size_t r = to_size(rank);
  const std::size_t stack = to_size(n);
  const std::size_t index = to_size(part.value_or(0));
  const std::size_t in = to_size(a_shape.back());
  const std::size_t out = to_size(change.b->view.shape.front());
  const std::size_t a_first = index * r * in;
  if (swapped) {
    return {.left = Factors::pick(a, a_first, in, 1, r, in),
            .right = Factors::pick(b, index, r, stack, out, r * stack),
            .rank = r};
  }
  return {.left = Factors::pick(b, index, out, r * stack, r, stack),
          .right = Factors::pick(a, a_first, r, in, in, 1),
          .rank = r};
}

mx::array LoraAdapter::whole_values(const SourceTensor& tensor,
                                    const std::vector<int>& shape,
                                    std::optional<int> part, bool by_rows) {
  const std::vector<int> own(shape.begin() + (part ? 1 : 0), shape.end());
  const std::size_t first = to_size(part.value_or(0)) * element_count(own);
  const std::vector<std::int64_t> same(shape.begin(), shape.end());
  const bool is_stack = part && own.size() == 2;
  const bool is_turned =
      is_stack &&
      (own[0] == own[1]
           ? by_rows
           : tensor.view.shape == std::vector{same[0], same[2], same[1]});
  if (!is_turned) {
    check_shape(tensor, same);
    return read_values(tensor, first, own, mx::float32);
  }
  const mx::array turned =
      read_values(tensor, first, {own[1], own[0]}, mx::float32);
  mx::array out = aligned_array(own, mx::float32);
  for (int row = 0; row < own[0]; ++row) {
    for (int column = 0; column < own[1]; ++column) {
      out.data<float>()[row * own[1] + column] =
          turned.data<float>()[column * own[0] + row];
    }
  }
  return out;
}

void LoraAdapter::change(std::string_view canonical,
                         const std::vector<int>& shape, std::optional<int> part,
                         bool by_rows, mx::array& values) const {
  const auto it = changes_.find(canonical);
  CSM_CHECK(it != changes_.end(), canonical);
  const Change& change = it->second;
  if (change.whole != nullptr || change.base != nullptr) {
    values =
        whole_values(change.whole != nullptr ? *change.whole : *change.base,
                     shape, part, by_rows);
  }
  if (change.whole != nullptr) return;
  if (shape.size() != (part ? 3U : 2U)) {
    corrupt("expected the change of a matrix, got that of another tensor",
            *change.a);
  }
  factors_of(change, shape, part).add_to(values, change.scale);
  const float* data = values.data<float>();
  const auto bad = std::find_if_not(data, data + values.size(),
                                    [](float x) { return std::isfinite(x); });
  if (bad != data + values.size()) {
    corrupt(str_cat("expected finite weights behind the merge, got another at "
                    "element ",
                    bad - data),
            *change.b);
  }
}

}  // namespace csm::weights
