#include "csm/sampling/sampler_options.h"

#include <array>
#include <cmath>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::sampling {
namespace {

constexpr std::array<std::pair<SamplerKind, const char*>, 2> kKinds = {
    {{SamplerKind::kTorchF32, "torch-f32"},
     {SamplerKind::kTorchBf16, "torch-bf16"}}};
constexpr std::array<std::pair<CodecSafety, const char*>, 3> kSafeties = {
    {{CodecSafety::kMaskInvalid, "mask-invalid"},
     {CodecSafety::kTorch, "torch"},
     {CodecSafety::kLegacyRange, "legacy-range"}}};

template <class Table, class Value>
const char* name_of(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  return "unknown";
}

template <class Value, std::size_t N>
std::optional<Value> value_of(
    const std::array<std::pair<Value, const char*>, N>& table,
    std::string_view name) {
  for (const auto& [value, known] : table) {
    if (name == known) return value;
  }
  return std::nullopt;
}

[[noreturn]] void fail(const std::string& expected_and_got) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[sampling.options] expected ", expected_and_got));
}

}  // namespace

const char* to_string(SamplerKind kind) { return name_of(kKinds, kind); }

const char* to_string(CodecSafety safety) { return name_of(kSafeties, safety); }

std::optional<SamplerKind> parse_sampler_kind(std::string_view name) {
  return value_of(kKinds, name);
}

std::optional<CodecSafety> parse_codec_safety(std::string_view name) {
  return value_of(kSafeties, name);
}

void SamplerOptions::validate() const {
  if (!std::isfinite(temperature) || temperature <= 0.0F) {
    fail(
        str_cat("temperature finite and above 0 (greedy is its own option), "
                "got ",
                temperature));
  }
  if (top_k < 1) fail(str_cat("top_k of at least 1, got ", top_k));
  if (codec_safety == CodecSafety::kMaskInvalid && n_valid_codes < 1) {
    fail(str_cat("n_valid_codes of at least 1 with mask-invalid, got ",
                 n_valid_codes));
  }
}

void SamplerOptions::validate(int vocab) const {
  validate();
  if (top_k > vocab) {
    fail(str_cat("top_k of at most ", vocab, " (the number of codes), got ",
                 top_k));
  }
}

std::string SamplerOptions::to_string() const {
  return str_cat("temperature=", temperature, " top_k=", top_k,
                 " greedy=", greedy ? "true" : "false",
                 " sampler=", sampling::to_string(kind),
                 " codec_safety=", sampling::to_string(codec_safety),
                 " n_valid_codes=", n_valid_codes);
}

}  // namespace csm::sampling
