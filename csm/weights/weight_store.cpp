#include "csm/weights/weight_store.h"

#include <algorithm>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/convert.h"
#include "csm/weights/random_values.h"

namespace csm::weights {
namespace {

constexpr std::size_t kMaxNamed = 10;
constexpr std::size_t kChunkElements = 1UL << 20U;
constexpr std::string_view kFrameTable = "audio_emb";
constexpr std::string_view kDepthTable = "dd.audio_emb";

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[weights.weight_store] ", what, " (", where, ")"));
}

std::string where_of(const SourceTensor& tensor) {
  return str_cat(tensor.file, ", tensor ", printable(tensor.view.name));
}

// "a, b, c and 7 more"
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  const std::size_t n = std::min(names.size(), kMaxNamed);
  for (std::size_t i = 0; i < n; ++i) {
    out += (i > 0 ? ", " : "") + printable(names[i]);
  }
  if (names.size() > n) out += str_cat(" and ", names.size() - n, " more");
  return out;
}

bool same_bytes(const SourceTensor& a, const SourceTensor& b) {
  if (a.view.dtype != b.view.dtype || a.view.shape != b.view.shape) {
    return false;
  }
  constexpr std::size_t kStep = 16UL << 20U;
  for (std::size_t pos = 0; pos < a.view.bytes.size(); pos += kStep) {
    const std::size_t size = std::min(kStep, a.view.bytes.size() - pos);
    const auto left = a.view.bytes.subspan(pos, size);
    const auto right = b.view.bytes.subspan(pos, size);
    const bool same = std::equal(left.begin(), left.end(), right.begin());
    a.release(left);
    b.release(right);
    if (!same) return false;
  }
  return true;
}

Target target_of(mx::Dtype dtype) {
  if (dtype == mx::float32) return Target::kF32;
  CSM_CHECK(dtype == mx::bfloat16, "expected float32 or bfloat16");
  return Target::kBf16;
}

void check_form(const SourceTensor& tensor, const std::vector<int>& shape) {
  const std::vector<std::int64_t> expected(shape.begin(), shape.end());
  if (tensor.view.shape != expected) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected shape ", to_string(expected), ", got ",
                 to_string(tensor.view.shape)),
         where_of(tensor));
  }
  if (!is_convertible(tensor.view.dtype)) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected dtype F32, F16 or BF16, got ",
                 to_string(tensor.view.dtype)),
         where_of(tensor));
  }
}

// Converts in chunks and gives the pages of each back, so that the file adds
// no more than a chunk to the resident memory.
mx::array convert_tensor(const SourceTensor& tensor,
                         const std::vector<int>& shape, mx::Dtype dtype) {
  mx::array out = aligned_array(shape, dtype);
  auto* to = reinterpret_cast<std::byte*>(out.data<char>());
  const std::size_t in_size = size_of(tensor.view.dtype);
  const std::size_t n = tensor.view.bytes.size() / in_size;
  for (std::size_t begin = 0; begin < n; begin += kChunkElements) {
    const std::size_t size = std::min(kChunkElements, n - begin);
    const auto in = tensor.view.bytes.subspan(begin * in_size, size * in_size);
    const auto bad = convert(tensor.view.dtype, in, target_of(dtype),
                             to + begin * mx::size_of(dtype));
    if (bad) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected finite values, got NaN, infinity or an overflow "
                   "at element ",
                   begin + *bad),
           where_of(tensor));
    }
    tensor.release(in);
  }
  return out;
}

}  // namespace

WeightStore::WeightStore(Checkpoint checkpoint)
    : checkpoint_(std::move(checkpoint)) {}

WeightStore WeightStore::open_hf(const std::filesystem::path& path) {
  WeightStore store(Checkpoint::open(path));
  Layout layout = Layout::kUnknown;
  for (const auto& [name, tensor] : store.checkpoint_.tensors()) {
    const Layout hint = layout_of(name);
    if (hint != Layout::kUnknown) layout = hint;
  }
  if (layout != Layout::kHuggingFace) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a CSM checkpoint in Hugging Face's layout (tensor "
                 "embed_text_tokens.weight), got ",
                 to_string(layout), " layout"),
         store.path().string());
  }
  store.read_names(layout);
  store.tied_ = store.find_tie();
  return store;
}

WeightStore WeightStore::random(std::uint64_t seed, ThreadPool* pool) {
  WeightStore store(Checkpoint::empty("random weights"));
  store.tied_ = true;
  store.random_ = Random{seed, pool};
  return store;
}

void WeightStore::read_names(Layout layout) {
  std::vector<std::string> unknown;
  std::vector<std::string> known;
  for (const auto& [name, tensor] : checkpoint_.tensors()) {
    if (const auto canonical = canonical_name(layout, name)) {
      entries_.emplace(*canonical, Entry{&tensor, is_ignorable(*canonical)});
      known.push_back(*canonical);
    } else {
      unknown.push_back(name);
    }
  }
  if (!unknown.empty()) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected only tensors of a CSM model, got ", listed(unknown)),
         path().string());
  }
  std::vector<std::string> missing;
  for (const std::string& name : missing_names(known)) {
    missing.push_back(source_name(layout, name).value_or(name));
  }
  if (!missing.empty()) {
    fail(ErrorCode::kNotFound,
         str_cat("expected every tensor of a CSM model, got none of the name ",
                 listed(missing)),
         path().string());
  }
}

bool WeightStore::find_tie() const {
  const auto frame = entries_.find(kFrameTable);
  const auto depth = entries_.find(kDepthTable);
  if (frame == entries_.end() || depth == entries_.end()) return true;
  return same_bytes(*frame->second.source, *depth->second.source);
}

// The stored name: of a tied pair the one that exists, frames' first.
std::string WeightStore::resolve(std::string_view canonical) const {
  const bool is_table = canonical == kFrameTable || canonical == kDepthTable;
  if (!is_table || !tied_) return std::string(canonical);
  const bool frames = random_ || entries_.contains(kFrameTable);
  return std::string(frames ? kFrameTable : kDepthTable);
}

const WeightStore::Entry& WeightStore::entry(std::string_view canonical) const {
  const auto it = entries_.find(resolve(canonical));
  if (it == entries_.end()) {
    const auto name = source_name(Layout::kHuggingFace, canonical);
    fail(ErrorCode::kNotFound,
         str_cat("expected tensor ", name.value_or(std::string(canonical)),
                 ", got none"),
         path().string());
  }
  return it->second;
}

bool WeightStore::has(std::string_view canonical) const {
  return random_ || entries_.contains(resolve(canonical));
}

std::vector<std::int64_t> WeightStore::shape(std::string_view canonical) const {
  return entry(canonical).source->view.shape;
}

void WeightStore::mark_used(std::string_view canonical) {
  const bool is_table = canonical == kFrameTable || canonical == kDepthTable;
  if (is_table && tied_) {
    const bool is_new = table_taken_.emplace(canonical, true).second;
    CSM_CHECK(is_new, str_cat(canonical, " was taken twice"));
    for (const std::string_view name : {kFrameTable, kDepthTable}) {
      const auto it = entries_.find(name);
      if (it != entries_.end()) it->second.used = true;
    }
    return;
  }
  if (random_) {
    CSM_CHECK(!taken_.contains(canonical),
              str_cat(canonical, " was taken twice"));
    return;
  }
  Entry& found = entries_.find(canonical)->second;
  CSM_CHECK(!found.used, str_cat(canonical, " was taken twice"));
  found.used = true;
}

mx::array WeightStore::produce(std::string_view canonical,
                               const std::vector<int>& shape,
                               mx::Dtype dtype) const {
  if (!random_) {
    return convert_tensor(*entry(canonical).source, shape, dtype);
  }
  const RandomValues values(resolve(canonical), shape, random_->seed);
  mx::array out = aligned_array(shape, dtype);
  values.write_all(target_of(dtype),
                   reinterpret_cast<std::byte*>(out.data<char>()),
                   random_->pool);
  return out;
}

mx::array WeightStore::take(std::string_view canonical,
                            const std::vector<int>& shape, mx::Dtype dtype) {
  if (!random_) check_form(*entry(canonical).source, shape);
  mark_used(canonical);
  const bool is_table = canonical == kFrameTable || canonical == kDepthTable;
  const bool shared = is_table && tied_;
  if (shared && kept_ && kept_->dtype == dtype) return kept_->values;
  mx::array values = produce(canonical, shape, dtype);
  taken_.insert_or_assign(resolve(canonical), Taken{shape, values.nbytes()});
  if (shared) kept_ = Kept{dtype, values};
  return values;
}

void WeightStore::set_bytes(std::string_view canonical, std::size_t bytes) {
  const auto it = taken_.find(resolve(canonical));
  CSM_CHECK(it != taken_.end(), str_cat(canonical, " was not taken"));
  it->second.bytes = bytes;
}

void WeightStore::skip(std::string_view prefix) {
  for (auto& [name, found] : entries_) {
    if (name.starts_with(prefix)) found.used = true;
  }
}

void WeightStore::check_all_used() const {
  std::vector<std::string> left;
  for (const auto& [name, found] : entries_) {
    if (!found.used) left.push_back(found.source->view.name);
  }
  if (!left.empty()) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected only tensors that the configuration names, got ",
                 listed(left)),
         path().string());
  }
}

}  // namespace csm::weights
