#include "csm/engine/voice_file.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/finite.h"
#include "csm/base/printable.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/codec/bad_code.h"
#include "csm/text/prompt.h"
#include "csm/weights/safetensors.h"
#include "csm/weights/safetensors_writer.h"

namespace csm::engine {
namespace {

using weights::Dtype;
using weights::SafetensorsFile;
using weights::SafetensorsWriter;
using weights::TensorPlan;
using weights::TensorView;
using Metadata = std::map<std::string, std::string>;

constexpr std::string_view kFormatName = "csm-voice-";
constexpr std::string_view kFormat = "csm-voice-1";
constexpr std::size_t kMaxTextBytes = 1U << 16U;
constexpr std::int64_t kMaxFrames = 1 << 16;
constexpr std::int64_t kMaxCodebooks = 1 << 8;
constexpr int kMaxCodes = 1 << 16;
constexpr std::int64_t kMaxExtent = 1 << 20;
constexpr std::size_t kDigestDigits = 64;

// One line of a checksum's text for each field and tensor.
std::string field_lines(const Metadata& metadata) {
  std::string text;
  for (const auto& [key, value] : metadata) {
    if (key != "sha256") {
      text += str_cat(key, '=', value.size(), ':', value, '\n');
    }
  }
  return text;
}

std::string tensor_line(std::string_view name,
                        std::span<const std::int64_t> shape,
                        std::span<const std::byte> bytes) {
  return str_cat(name, ' ', weights::to_string(shape), ' ', sha256_hex(bytes),
                 '\n');
}

std::string digest_of(const std::string& text) {
  return sha256_hex(std::as_bytes(std::span(text)));
}

// --- writing ---

struct Tensor {
  TensorPlan plan;
  std::span<const std::byte> bytes;
};

std::vector<Tensor> tensors_of(const Voice& voice) {
  std::vector<Tensor> tensors = {
      {.plan = {.name = "codes",
                .dtype = Dtype::kI32,
                .shape = {voice.n_frames(), voice.n_codebooks}},
       .bytes = std::as_bytes(std::span(voice.segment.codes))}};
  if (!voice.cache) return tensors;
  const VoiceCache& cache = *voice.cache;
  const auto add = [&](const char* name, const std::vector<float>& values) {
    tensors.push_back(
        {.plan = {.name = name,
                  .dtype = Dtype::kF32,
                  .shape = {cache.key.n_layers, cache.key.n_kv_heads,
                            cache.rows.n_positions, cache.key.head_dim}},
         .bytes = std::as_bytes(std::span(values))});
  };
  add("keys", cache.rows.keys);
  add("values", cache.rows.values);
  return tensors;
}

Metadata metadata_of(const Voice& voice, const std::vector<Tensor>& tensors) {
  Metadata metadata = {
      {"format", std::string(kFormat)},
      {"text", voice.segment.utterance.text},
      {"speaker", std::to_string(voice.segment.utterance.speaker)},
      {"codebook_size", std::to_string(voice.n_codec_codes)},
      {"codec_sha256", voice.codec_sha256}};
  if (voice.cache) {
    metadata["weights_sha256"] = voice.cache->key.weights_sha256;
    metadata["dtype"] = to_string(voice.cache->key.weight_type);
  }
  std::string text = field_lines(metadata);
  for (const Tensor& tensor : tensors) {
    text += tensor_line(tensor.plan.name, tensor.plan.shape, tensor.bytes);
  }
  metadata["sha256"] = digest_of(text);
  return metadata;
}

// --- reading ---

// The fields and tensors of one file, and what is wrong with them.
class VoiceReader {
 public:
  explicit VoiceReader(const std::filesystem::path& path) : file_(path) {}

  [[nodiscard]] Voice read() const;

 private:
  [[noreturn]] void fail(const std::string& what,
                         const std::string& field) const {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[engine.voice_file] ", what, " (",
                        file_.path().string(), ", ", field, ")"));
  }
  void check_format() const;
  void check_parts(bool has_cache) const;
  void check_sum() const;
  [[nodiscard]] bool has(const std::string& key) const {
    return file_.metadata().contains(key);
  }
  [[nodiscard]] std::string field(const std::string& key) const;
  [[nodiscard]] std::string digest(const std::string& key) const;
  [[nodiscard]] int integer(const std::string& key, int min, int max) const;
  [[nodiscard]] Utterance utterance() const;
  [[nodiscard]] const TensorView& tensor(const char* name, Dtype dtype,
                                         std::size_t n_dims) const;
  template <class T>
  [[nodiscard]] static std::vector<T> values(const TensorView& tensor);
  void read_codes(Voice& voice) const;
  [[nodiscard]] std::vector<float> finite_values(
      const TensorView& tensor) const;
  [[nodiscard]] VoiceCache read_cache() const;

  SafetensorsFile file_;
};

std::string VoiceReader::field(const std::string& key) const {
  const auto found = file_.metadata().find(key);
  if (found == file_.metadata().end()) fail("expected a value, got none", key);
  return found->second;
}

std::string VoiceReader::digest(const std::string& key) const {
  const std::string value = field(key);
  if (value.size() != kDigestDigits ||
      value.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail(str_cat("expected ", kDigestDigits, " hexadecimal digits, got '",
                 printable(value), "'"),
         key);
  }
  return value;
}

int VoiceReader::integer(const std::string& key, int min, int max) const {
  const std::string text = field(key);
  int value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < min || value > max) {
    fail(str_cat("expected an integer in [", min, ", ", max, "], got '",
                 printable(text), "'"),
         key);
  }
  return value;
}

void VoiceReader::check_format() const {
  const std::string format = field("format");
  if (format == kFormat) return;
  if (!format.starts_with(kFormatName)) {
    fail(str_cat("expected a voice pack, got '", printable(format), "'"),
         "format");
  }
  throw Error(ErrorCode::kUnsupported,
              str_cat("[engine.voice_file] expected ", kFormat, ", got ",
                      printable(format), " (", file_.path().string(), ")"));
}

// Nothing that this version does not know, because it might matter.
void VoiceReader::check_parts(bool has_cache) const {
  std::set<std::string> fields = {"format",        "text",   "speaker",
                                  "codebook_size", "sha256", "codec_sha256"};
  std::set<std::string> names = {"codes"};
  if (has_cache) {
    fields.insert({"weights_sha256", "dtype"});
    names.insert({"keys", "values"});
  }
  for (const auto& [key, value] : file_.metadata()) {
    if (!fields.contains(key)) fail("unknown field", printable(key));
  }
  for (const TensorView& tensor : file_.tensors()) {
    if (!names.contains(tensor.name)) {
      fail("unknown tensor", printable(tensor.name));
    }
  }
}

void VoiceReader::check_sum() const {
  std::string text = field_lines(file_.metadata());
  for (const char* name : {"codes", "keys", "values"}) {
    if (const TensorView* tensor = file_.find(name)) {
      text += tensor_line(name, tensor->shape, tensor->bytes);
    }
  }
  const std::string expected = digest("sha256");
  const std::string got = digest_of(text);
  if (got != expected) {
    fail(str_cat("expected the checksum ", expected.substr(0, 16), ", got ",
                 got.substr(0, 16), ": the file is damaged"),
         "sha256");
  }
}

Utterance VoiceReader::utterance() const {
  const std::string text = field("text");
  if (text.empty() || text.size() > kMaxTextBytes) {
    fail(str_cat("expected 1 to ", kMaxTextBytes, " bytes, got ", text.size()),
         "text");
  }
  try {
    return {.speaker = text::parse_speaker(field("speaker")), .text = text};
  } catch (const Error&) {
    fail(str_cat("expected a speaker number, got '",
                 printable(field("speaker")), "'"),
         "speaker");
  }
}

const TensorView& VoiceReader::tensor(const char* name, Dtype dtype,
                                      std::size_t n_dims) const {
  const TensorView* tensor = file_.find(name);
  if (tensor == nullptr) fail("expected a tensor, got none", name);
  bool fits = tensor->dtype == dtype && tensor->shape.size() == n_dims;
  for (const std::int64_t extent : tensor->shape) {
    fits = fits && extent > 0 && extent <= kMaxExtent;
  }
  if (!fits) {
    fail(str_cat("expected ", weights::to_string(dtype), " of ", n_dims,
                 " dimensions, got ", weights::to_string(tensor->dtype), " ",
                 weights::to_string(tensor->shape)),
         name);
  }
  return *tensor;
}

template <class T>
std::vector<T> VoiceReader::values(const TensorView& tensor) {
  std::vector<T> out(tensor.bytes.size() / sizeof(T));
  std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

void VoiceReader::read_codes(Voice& voice) const {
  const TensorView& stored = tensor("codes", Dtype::kI32, 2);
  if (stored.shape[0] > kMaxFrames || stored.shape[1] > kMaxCodebooks) {
    fail(str_cat("expected at most ", kMaxFrames, " frames of ", kMaxCodebooks,
                 " codes, got ", weights::to_string(stored.shape)),
         "codes");
  }
  voice.n_codebooks = static_cast<int>(stored.shape[1]);
  voice.n_codec_codes = integer("codebook_size", 1, kMaxCodes);
  voice.segment.codes = values<std::int32_t>(stored);
  if (const auto bad = codec::first_bad_code(
          voice.segment.codes, voice.n_codebooks, voice.n_codec_codes)) {
    fail(str_cat("expected codes in [0, ", voice.n_codec_codes, "), got ",
                 bad->code),
         "codes");
  }
}

std::vector<float> VoiceReader::finite_values(const TensorView& tensor) const {
  std::vector<float> out = values<float>(tensor);
  if (const auto bad = find_not_finite(out)) {
    fail(str_cat("expected finite values, got ", out[*bad], " (element ", *bad,
                 ")"),
         tensor.name);
  }
  return out;
}

VoiceCache VoiceReader::read_cache() const {
  const TensorView& keys = tensor("keys", Dtype::kF32, 4);
  const TensorView& stored = tensor("values", Dtype::kF32, 4);
  if (keys.shape != stored.shape) {
    fail(str_cat("expected the shape of keys, ", weights::to_string(keys.shape),
                 ", got ", weights::to_string(stored.shape)),
         "values");
  }
  const auto type = parse_weight_type(field("dtype"));
  if (!type) {
    fail(str_cat("expected f32, bf16, int8 or int4, got '",
                 printable(field("dtype")), "'"),
         "dtype");
  }
  const auto extent = [&](std::size_t i) {
    return static_cast<int>(keys.shape[i]);
  };
  return {.key = {.weights_sha256 = digest("weights_sha256"),
                  .weight_type = *type,
                  .n_layers = extent(0),
                  .n_kv_heads = extent(1),
                  .head_dim = extent(3)},
          .rows = {.n_positions = extent(2),
                   .keys = finite_values(keys),
                   .values = finite_values(stored)}};
}

Voice VoiceReader::read() const {
  check_format();
  const bool has_cache = has("weights_sha256");
  check_parts(has_cache);
  check_sum();
  Voice voice;
  voice.origin = file_.path().string();
  voice.segment.utterance = utterance();
  voice.codec_sha256 = digest("codec_sha256");
  read_codes(voice);
  if (has_cache) voice.cache = read_cache();
  return voice;
}

}  // namespace

void write_voice(const std::filesystem::path& path, const Voice& voice) {
  const std::vector<Tensor> tensors = tensors_of(voice);
  std::vector<TensorPlan> plans;
  for (const Tensor& tensor : tensors) plans.push_back(tensor.plan);
  AtomicFile file(path);
  SafetensorsWriter writer(file.temp_path(), plans,
                           metadata_of(voice, tensors));
  for (const Tensor& tensor : tensors) writer.write(tensor.bytes);
  writer.finish();
  file.commit();
}

Voice read_voice(const std::filesystem::path& path) {
  return VoiceReader(path).read();
}

}  // namespace csm::engine
