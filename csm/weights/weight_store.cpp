#include "csm/weights/weight_store.h"

#include <algorithm>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/mimi_file.h"
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

std::vector<std::int64_t> without_ones(std::vector<std::int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

// GGUF files may leave out extents of 1.
void check_form(const SourceTensor& tensor, const std::vector<int>& shape,
                Layout layout) {
  const std::vector<std::int64_t> expected(shape.begin(), shape.end());
  const bool fits =
      layout == Layout::kCsmTts
          ? without_ones(tensor.view.shape) == without_ones(expected)
          : tensor.view.shape == expected;
  if (!fits) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected shape ", to_string(expected), ", got ",
                 to_string(tensor.view.shape)),
         where_of(tensor));
  }
  if (!is_readable(tensor.view.dtype)) {
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

// The shape of the tensor in which a tensor of this shape is stacked.
std::vector<int> file_shape(const TensorRole& role, std::vector<int> shape) {
  shape.front() *= role.n_parts;
  return shape;
}

}  // namespace

WeightStore::WeightStore(Checkpoint checkpoint)
    : checkpoint_(std::move(checkpoint)) {}

WeightStore WeightStore::open(const StoreFiles& files) {
  WeightStore store(Checkpoint::open(files.model, files.layout));
  const Layout layout = store.checkpoint_.layout();
  if (layout == Layout::kUnknown || is_codec_layout(layout)) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a CSM checkpoint with a text embedding that names a "
                 "layout (",
                 layout_names(), "), got ", to_string(layout), " layout"),
         store.path().string());
  }
  store.read_names(store.checkpoint_, files.mimi.empty());
  if (!store.has_codec()) store.add_codec(files);
  store.check_complete();
  store.tied_ = store.find_tie();
  return store;
}

WeightStore WeightStore::random(std::uint64_t seed, ThreadPool* pool) {
  WeightStore store(Checkpoint::empty("random weights"));
  store.tied_ = true;
  store.random_ = Random{seed, pool};
  return store;
}

void WeightStore::read_names(const Checkpoint& checkpoint, bool with_codec) {
  std::vector<std::string> unknown;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    const auto module = module_of_companion(name);
    if (module && checkpoint.find(*module + std::string(kWeight)) != nullptr) {
      continue;
    }
    const auto roles = roles_of(checkpoint.layout(), name);
    if (roles.empty()) unknown.push_back(name);
    for (const TensorRole& role : roles) {
      // One of the two checkpoints holds the model, the other the codec.
      const bool of_model = &checkpoint == &checkpoint_;
      if (is_codec(role.canonical) ? !with_codec : !of_model) continue;
      const auto [it, is_new] = entries_.emplace(
          role.canonical, Entry{.source = &tensor,
                                .role = role,
                                .affine = find_affine(checkpoint, tensor),
                                .used = is_ignorable(role.canonical)});
      if (is_new) continue;
      fail(ErrorCode::kCorrupt,
           str_cat("expected one tensor of ", role.canonical, ", got ",
                   printable(it->second.source->view.name), " too"),
           where_of(tensor));
    }
  }
  if (!unknown.empty()) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected only tensors of a CSM model in ",
                 to_string(checkpoint.layout()), " layout, got ",
                 listed(unknown)),
         checkpoint.path().string());
  }
}

void WeightStore::add_codec(const StoreFiles& files) {
  const auto found =
      find_mimi(files.mimi, std::filesystem::absolute(path()).parent_path());
  if (!found) return;
  codec_ = Checkpoint::open(*found);
  if (codec_->layout() != Layout::kUnknown) read_names(*codec_, true);
  if (!has_codec()) {
    fail(ErrorCode::kUnsupported,
         "expected tensors of Mimi by Hugging Face's or kyutai's names, got "
         "none",
         found->string());
  }
}

void WeightStore::check_complete() const {
  std::vector<std::string> known;
  for (const auto& [name, found] : entries_) known.push_back(name);
  std::vector<std::string> missing;
  for (const std::string& name : missing_names(known)) {
    // The original has no name for the second audio table.
    const bool is_other = name == kDepthTable && name_in_files(name) == name;
    if (!is_other) missing.push_back(name_in_files(name));
  }
  if (!missing.empty()) {
    fail(ErrorCode::kNotFound,
         str_cat("expected every tensor of a CSM model, got none of the name ",
                 listed(missing)),
         path().string());
  }
}

// For messages.
std::string WeightStore::name_in_files(std::string_view canonical) const {
  const bool of_codec = is_codec(canonical) && codec_;
  const Layout layout =
      random_ ? Layout::kHuggingFace
              : (of_codec ? codec_->layout() : checkpoint_.layout());
  return source_name(layout, canonical).value_or(std::string(canonical));
}

bool WeightStore::find_tie() const {
  const auto frame = entries_.find(kFrameTable);
  const auto depth = entries_.find(kDepthTable);
  if (frame == entries_.end() || depth == entries_.end()) return true;
  const Entry& a = frame->second;
  const Entry& b = depth->second;
  if (a.affine.scales != nullptr && b.affine.scales != nullptr &&
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
    fail(ErrorCode::kNotFound,
         str_cat("expected tensor ", name_in_files(canonical), ", got none"),
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
  return !random_ && entry(canonical).affine.scales != nullptr;
}

bool WeightStore::has_affine() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& named) {
    return named.second.affine.words != nullptr;
  });
}

bool WeightStore::has_codec() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& named) { return is_codec(named.first); });
}

std::optional<Dtype> WeightStore::stored_dtype(
    std::string_view canonical) const {
  if (random_) return std::nullopt;
  return entry(canonical).source->view.dtype;
}

// Of integers: whether they fit the shape and what was declared.
AffineForm WeightStore::stored_form_of(const Entry& found,
                                       const std::vector<int>& shape) const {
  std::optional<AffineForm> declared;
  if (declared_ && found.affine.scales != nullptr) {
    declared = declared_->of(module_of(found.source->view.name).value());
    if (!declared) {
      fail(ErrorCode::kCorrupt,
           "expected no integers as config.json says, got some",
           where_of(*found.source));
    }
  }
  return stored_form(found.affine, file_shape(found.role, shape), declared);
}

std::optional<AffineForm> WeightStore::integer_form(
    std::string_view canonical, const std::vector<int>& shape) const {
  if (random_ || is_adapted(canonical)) return std::nullopt;
  const Entry& found = entry(canonical);
  if (found.affine.words == nullptr) return std::nullopt;
  const AffineForm form = widened_form(stored_form_of(found, shape));
  return is_kernel_form(form) ? std::optional(form) : std::nullopt;
}

RowOrder WeightStore::order_of(const Entry& found,
                               const std::vector<int>& shape,
                               std::optional<int> part) const {
  const std::size_t rows = element_count(part ? part_shape(shape) : shape) /
                           static_cast<std::size_t>(shape.back());
  const int index = part.value_or(found.role.part);
  RowOrder order{.first = static_cast<std::size_t>(index) * rows};
  if (!found.role.interleaved) return order;
  const std::string& name = found.role.canonical;
  const int head_dim = is_codec(name)            ? head_dims_.codec
                       : name.starts_with("bb.") ? head_dims_.backbone
                                                 : head_dims_.depth;
  CSM_CHECK(head_dim > 0 && head_dim % 2 == 0, name);
  order.head_dim = static_cast<std::size_t>(head_dim);
  CSM_CHECK(rows % order.head_dim == 0, name);
  return order;
}

AffineTensor WeightStore::produce_affine(std::string_view canonical,
                                         const std::vector<int>& shape,
                                         std::optional<int> part) const {
  const Entry& found = entry(canonical);
  return read_affine(found.affine, order_of(found, shape, part),
                     part ? part_shape(shape) : shape,
                     stored_form_of(found, shape));
}

// Values of a whole tensor, or of one of its parts.
mx::array WeightStore::produce(std::string_view canonical,
                               const std::vector<int>& shape, mx::Dtype dtype,
                               std::optional<int> part) const {
  const std::vector<int> out_shape = part ? part_shape(shape) : shape;
  if (random_) {
    const RandomValues values(resolve(canonical), shape, random_->seed);
    mx::array out = aligned_array(out_shape, dtype);
    const std::size_t n = element_count(out_shape);
    values.write_range(
        static_cast<std::size_t>(part.value_or(0)) * n, n, target_of(dtype),
        reinterpret_cast<std::byte*>(out.data<char>()), random_->pool);
    return out;
  }
  const Entry& found = entry(canonical);
  if (is_affine(canonical)) {
    return dequantize(produce_affine(canonical, shape, part), out_shape, dtype);
  }
  return read_rows(*found.source, order_of(found, shape, part), out_shape,
                   dtype);
}

void WeightStore::check_floats(std::string_view canonical,
                               const std::vector<int>& shape) const {
  if (random_ || is_affine(canonical)) return;
  const Entry& found = entry(canonical);
  const SourceTensor& source = *found.source;
  check_form(source, file_shape(found.role, shape), checkpoint_.layout());
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
  mx::array values = adapted(canonical, shape, dtype, std::nullopt);
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
  mx::array values = adapted(canonical, shape, dtype, part);
  taken_.find(resolve(canonical))->second.bytes += values.nbytes();
  return values;
}

AffineTensor WeightStore::take_affine(std::string_view canonical,
                                      const std::vector<int>& shape) {
  CSM_CHECK(integer_form(canonical, shape), canonical);
  mark_used(canonical);
  AffineTensor tensor = produce_affine(canonical, shape, std::nullopt);
  taken_.insert_or_assign(resolve(canonical), Taken{shape, tensor.bytes()});
  return tensor;
}

AffineTensor WeightStore::take_affine_part(std::string_view canonical,
                                           const std::vector<int>& shape,
                                           int part) {
  CSM_CHECK(integer_form(canonical, shape), canonical);
  begin_part(canonical, shape, part);
  AffineTensor tensor = produce_affine(canonical, shape, part);
  taken_.find(resolve(canonical))->second.bytes += tensor.bytes();
  return tensor;
}

std::vector<std::string> WeightStore::names() const {
  std::vector<std::string> out;
  for (const auto& [name, found] : entries_) {
    if (!is_ignorable(name)) out.push_back(name);
  }
  return out;
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
