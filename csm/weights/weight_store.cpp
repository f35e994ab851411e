#include "csm/weights/weight_store.h"

#include <algorithm>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/random_values.h"
#include "csm/weights/read_tensor.h"

namespace csm::weights {
namespace {

constexpr std::size_t kMaxNamed = 10;
constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kScales = ".scales";
constexpr std::string_view kBiases = ".biases";
constexpr std::string_view kFrameTable = "audio_emb";
constexpr std::string_view kDepthTable = "dd.audio_emb";

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[weights.weight_store] ", what, " (", where, ")"));
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

// X of the companions X.scales and X.biases of integers X.weight.
std::optional<std::string> module_of_companion(std::string_view name) {
  for (const std::string_view ending : {kScales, kBiases}) {
    if (name.ends_with(ending)) {
      return std::string(name.substr(0, name.size() - ending.size()));
    }
  }
  return std::nullopt;
}

bool is_audio_table(std::string_view canonical) {
  return canonical == kFrameTable || canonical == kDepthTable;
}

// What follows the first extent.
std::vector<int> part_shape(const std::vector<int>& shape) {
  return {shape.begin() + 1, shape.end()};
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

// The integers' companions of a tensor; both, or the tensor is no integers.
AffineSource WeightStore::find_affine(const SourceTensor& tensor) const {
  const auto module = module_of(tensor.view.name);
  if (!module) return {};
  AffineSource out{.words = &tensor,
                   .scales = checkpoint_.find(*module + std::string(kScales)),
                   .biases = checkpoint_.find(*module + std::string(kBiases))};
  const bool is_words = tensor.view.dtype == Dtype::kU32;
  if (!is_words && out.scales == nullptr && out.biases == nullptr) return {};
  if (!is_words) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected dtype U32 of a tensor with scales, got ",
                 to_string(tensor.view.dtype)),
         where_of(tensor));
  }
  for (const std::string_view ending : {kScales, kBiases}) {
    if ((ending == kScales ? out.scales : out.biases) != nullptr) continue;
    fail(ErrorCode::kNotFound,
         str_cat("expected tensor ", printable(*module), ending,
                 " beside the integers, got none"),
         where_of(tensor));
  }
  return out;
}

void WeightStore::read_names(Layout layout) {
  std::vector<std::string> unknown;
  std::vector<std::string> known;
  for (const auto& [name, tensor] : checkpoint_.tensors()) {
    const auto module = module_of_companion(name);
    if (module && checkpoint_.find(*module + std::string(kWeight)) != nullptr) {
      continue;
    }
    if (const auto canonical = canonical_name(layout, name)) {
      entries_.emplace(*canonical, Entry{&tensor, find_affine(tensor),
                                         is_ignorable(*canonical)});
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
  const Entry& a = frame->second;
  const Entry& b = depth->second;
  if (a.affine.words != nullptr && b.affine.words != nullptr &&
      !(same_bytes(*a.affine.scales, *b.affine.scales) &&
        same_bytes(*a.affine.biases, *b.affine.biases))) {
    return false;
  }
  return same_bytes(*a.source, *b.source);
}

// The stored name: of a tied pair the one that exists, frames' first.
std::string WeightStore::resolve(std::string_view canonical) const {
  if (!is_audio_table(canonical) || !tied_) return std::string(canonical);
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
  if (is_audio_table(canonical) && tied_) {
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

void WeightStore::declare(Quantization quantization) {
  declared_ = std::move(quantization);
}

bool WeightStore::is_affine(std::string_view canonical) const {
  return !random_ && entry(canonical).affine.words != nullptr;
}

bool WeightStore::has_affine() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& named) {
    return named.second.affine.words != nullptr;
  });
}

std::optional<Dtype> WeightStore::stored_dtype(
    std::string_view canonical) const {
  if (random_) return std::nullopt;
  return entry(canonical).source->view.dtype;
}

// Of integers: whether they fit the shape and what was declared.
AffineForm WeightStore::affine_form(std::string_view canonical,
                                    const std::vector<int>& shape) const {
  const Entry& found = entry(canonical);
  const std::string module = module_of(found.source->view.name).value();
  std::optional<AffineForm> declared;
  if (declared_) {
    declared = declared_->of(module);
    if (!declared) {
      fail(ErrorCode::kCorrupt,
           "expected no integers as config.json says, got some",
           where_of(*found.source));
    }
  }
  return check_affine(found.affine, shape, declared);
}

// Values of a whole tensor, or of one of its parts.
mx::array WeightStore::produce(std::string_view canonical,
                               const std::vector<int>& shape, mx::Dtype dtype,
                               std::optional<int> part) const {
  const std::vector<int> out_shape = part ? part_shape(shape) : shape;
  const std::size_t first =
      static_cast<std::size_t>(part.value_or(0)) * element_count(out_shape);
  if (random_) {
    const RandomValues values(resolve(canonical), shape, random_->seed);
    mx::array out = aligned_array(out_shape, dtype);
    values.write_range(first, element_count(out_shape), target_of(dtype),
                       reinterpret_cast<std::byte*>(out.data<char>()),
                       random_->pool);
    return out;
  }
  if (is_affine(canonical)) {
    const AffineForm form = affine_form(canonical, shape);
    return dequantize(read_affine(entry(canonical).affine, shape, form, part),
                      out_shape, dtype);
  }
  return read_values(*entry(canonical).source, first, out_shape, dtype);
}

void WeightStore::check_floats(std::string_view canonical,
                               const std::vector<int>& shape) const {
  if (random_ || is_affine(canonical)) return;
  const SourceTensor& source = *entry(canonical).source;
  check_form(source, shape);
  if (!declared_) return;
  const auto module = module_of(source.view.name);
  const auto listed = declared_->modules.find(module.value_or(""));
  if (listed == declared_->modules.end() || !listed->second) return;
  fail(ErrorCode::kCorrupt,
       str_cat("expected ", to_string(*listed->second),
               " as config.json says, got ", to_string(source.view.dtype)),
       where_of(source));
}

mx::array WeightStore::take(std::string_view canonical,
                            const std::vector<int>& shape, mx::Dtype dtype) {
  check_floats(canonical, shape);
  mark_used(canonical);
  const bool shared = is_audio_table(canonical) && tied_;
  if (shared && kept_ && kept_->dtype == dtype) return kept_->values;
  mx::array values = produce(canonical, shape, dtype, std::nullopt);
  taken_.insert_or_assign(resolve(canonical), Taken{shape, values.nbytes()});
  if (shared) kept_ = Kept{dtype, values};
  return values;
}

// The first part stands for the tensor: it is used from then on.
void WeightStore::begin_part(std::string_view canonical,
                             const std::vector<int>& shape, int part) {
  if (part == 0) {
    mark_used(canonical);
    taken_.insert_or_assign(resolve(canonical), Taken{shape, 0});
  }
  CSM_CHECK(taken_.contains(resolve(canonical)) && part < shape.front(),
            str_cat(canonical, ": parts come in order"));
}

mx::array WeightStore::take_part(std::string_view canonical,
                                 const std::vector<int>& shape, int part,
                                 mx::Dtype dtype) {
  check_floats(canonical, shape);
  begin_part(canonical, shape, part);
  mx::array values = produce(canonical, shape, dtype, part);
  taken_.find(resolve(canonical))->second.bytes += values.nbytes();
  return values;
}

AffineTensor WeightStore::take_affine(std::string_view canonical,
                                      const std::vector<int>& shape) {
  CSM_CHECK(is_affine(canonical), canonical);
  const AffineForm form = affine_form(canonical, shape);
  mark_used(canonical);
  AffineTensor tensor = read_affine(entry(canonical).affine, shape, form);
  taken_.insert_or_assign(resolve(canonical), Taken{shape, tensor.bytes()});
  return tensor;
}

AffineTensor WeightStore::take_affine_part(std::string_view canonical,
                                           const std::vector<int>& shape,
                                           int part) {
  CSM_CHECK(is_affine(canonical), canonical);
  const AffineForm form = affine_form(canonical, shape);
  begin_part(canonical, shape, part);
  AffineTensor tensor = read_affine(entry(canonical).affine, shape, form, part);
  taken_.find(resolve(canonical))->second.bytes += tensor.bytes();
  return tensor;
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
