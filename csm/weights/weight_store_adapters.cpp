#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/convert.h"
#include "csm/weights/read_tensor.h"
#include "csm/weights/weight_store.h"

namespace csm::weights {
namespace {

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[weights.weight_store] ", what, " (", where, ")"));
}

}  // namespace

void WeightStore::add(LoraAdapter adapter) {
  for (const std::string& name : adapter.names()) {
    if (tied_ && name.ends_with("audio_emb")) {
      fail(ErrorCode::kUnsupported,
           str_cat("expected no change of ", name_in_files(name),
                   ", which serves both transformers, got one"),
           "adapter");
    }
    if (has(name)) continue;
    fail(ErrorCode::kCorrupt,
         str_cat("expected changes of the model's tensors, got one of ",
                 name_in_files(name)),
         "adapter");
  }
  adapters_.push_back(std::move(adapter));
}

bool WeightStore::is_adapted(std::string_view canonical) const {
  return std::any_of(adapters_.begin(), adapters_.end(),
                     [&](const LoraAdapter& a) { return a.has(canonical); });
}

// With the changes of adapters, which are made in float32.
mx::array WeightStore::adapted(std::string_view canonical,
                               const std::vector<int>& shape, mx::Dtype dtype,
                               std::optional<int> part) const {
  if (!is_adapted(canonical)) return produce(canonical, shape, dtype, part);
  mx::array values = produce(canonical, shape, mx::float32, part);
  for (const LoraAdapter& adapter : adapters_) {
    if (!adapter.has(canonical)) continue;
    adapter.change(canonical, shape, part, is_affine(canonical), values);
  }
  if (dtype == mx::float32) return values;
  mx::array out = aligned_array({values.shape().begin(), values.shape().end()},
                                mx::bfloat16);
  const auto bad =
      convert(Dtype::kF32,
              std::as_bytes(std::span(values.data<float>(), values.size())),
              target_of(dtype), reinterpret_cast<std::byte*>(out.data<char>()));
  if (bad) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected weights behind an adapter that BF16 can hold, got "
                 "another at element ",
                 *bad),
         name_in_files(canonical));
  }
  return out;
}

}  // namespace csm::weights
