#include "cli/receipt.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "csm/base/atomic_file.h"
#include "csm/base/json.h"
#include "csm/base/sha256.h"
#include "csm/engine/model_source.h"
#include "csm/weights/model_digest.h"

namespace csm::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "csm-receipt-1";
constexpr std::size_t kFrameDigits = 16;
constexpr int kMaxFrames = 1 << 24;

std::vector<std::string> frame_digests(const Speech& speech) {
  const auto width = static_cast<std::size_t>(speech.facts.n_codebooks);
  std::vector<std::string> digests;
  for (std::size_t at = 0; at < speech.codes.size(); at += width) {
    const auto frame = std::span(speech.codes).subspan(at, width);
    digests.push_back(sha256_hex(std::as_bytes(frame)).substr(0, kFrameDigits));
  }
  return digests;
}

// 64 bits do not fit a JSON number everywhere, so the seed is text.
std::uint64_t read_seed(const JsonObject& json) {
  const std::string text = json.string("seed");
  std::uint64_t seed = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), seed);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    json.fail("seed", "an integer of 64 bits as text");
  }
  return seed;
}

template <class T>
T read_choice(const JsonObject& json, const char* key,
              std::optional<T> (*parse)(std::string_view)) {
  const auto value = parse(json.string(key));
  if (!value) json.fail(key, "a known name");
  return *value;
}

engine::GenerationOptions read_options(const JsonObject& json) {
  engine::GenerationOptions options;
  options.seed = read_seed(json);
  options.temperature = static_cast<float>(json.number("temperature", 0, 1e6));
  options.top_k = static_cast<int>(json.integer("top_k", 1, INT32_MAX));
  options.greedy = json.boolean_or("greedy", false);
  options.rng = read_choice(json, "rng", sampling::parse_rng);
  options.sampler = read_choice(json, "sampler", sampling::parse_sampler_kind);
  options.codec_safety =
      read_choice(json, "codec_safety", sampling::parse_codec_safety);
  options.max_audio_ms =
      static_cast<int>(json.integer("max_audio_ms", 1, INT32_MAX));
  return options;
}

std::vector<std::string> read_frames(const JsonObject& json) {
  const auto& frames = json.value().at("frame_digests");
  std::vector<std::string> digests;
  for (const Json& digest : frames) {
    if (!digest.is_string()) json.fail("frame_digests", "a list of strings");
    digests.push_back(digest.get<std::string>());
  }
  return digests;
}

}  // namespace

std::string codes_digest(const std::vector<std::int32_t>& codes) {
  return sha256_hex(std::as_bytes(std::span(codes)));
}

Receipt make_receipt(const engine::EngineOptions& model,
                     const engine::Utterance& utterance,
                     const engine::GenerationOptions& options,
                     const Speech& speech) {
  return {.version = CSM_VERSION,
          .weights_sha256 = engine::digest_of(model.files()),
          .weight_type = model.weight_type,
          .utterance = utterance,
          .options = options,
          .codes_sha256 = codes_digest(speech.codes),
          .frames = frame_digests(speech)};
}

void write_receipt(const fs::path& path, const Receipt& receipt) {
  const engine::GenerationOptions& options = receipt.options;
  const OrderedJson json = {
      {"format", kFormat},
      {"version", receipt.version},
      {"weights_sha256", receipt.weights_sha256},
      {"dtype", engine::to_string(receipt.weight_type)},
      {"speaker", receipt.utterance.speaker},
      {"text", receipt.utterance.text},
      {"settings",
       {{"seed", std::to_string(options.seed)},
        {"temperature", options.temperature},
        {"top_k", options.top_k},
        {"greedy", options.greedy},
        {"rng", sampling::to_string(options.rng)},
        {"sampler", sampling::to_string(options.sampler)},
        {"codec_safety", sampling::to_string(options.codec_safety)},
        {"max_audio_ms", options.max_audio_ms}}},
      {"frames", receipt.frames.size()},
      {"codes_sha256", receipt.codes_sha256},
      {"frame_digests", receipt.frames}};
  write_file_atomically(path, json.dump(1) + "\n");
}

Receipt read_receipt(const fs::path& path) {
  const Json parsed = parse_json_file(path);
  const JsonObject json(parsed, path.string());
  if (json.string("format") != kFormat) json.fail("format", kFormat);
  Receipt receipt;
  receipt.version = json.string("version");
  receipt.weights_sha256 = json.string("weights_sha256");
  receipt.weight_type = read_choice(json, "dtype", engine::parse_weight_type);
  receipt.utterance = {
      .speaker = static_cast<int>(json.integer("speaker", 0, INT32_MAX)),
      .text = json.string("text")};
  receipt.options = read_options(json.object("settings"));
  const auto n_frames =
      static_cast<std::size_t>(json.integer("frames", 0, kMaxFrames));
  receipt.codes_sha256 = json.string("codes_sha256");
  if (!json.has("frame_digests") ||
      !json.value().at("frame_digests").is_array() ||
      json.value().at("frame_digests").size() != n_frames) {
    json.fail("frame_digests", "a list with one entry for each frame");
  }
  receipt.frames = read_frames(json);
  return receipt;
}

}  // namespace csm::cli
