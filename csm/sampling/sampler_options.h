#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace csm::sampling {

/// Whose arithmetic turns logits into a code.
enum class SamplerKind {
  kTorchF32,   ///< transformers: float32 softmax (spec 2)
  kTorchBf16,  ///< the original CSM: bfloat16 at every step (spec 1)
};

/// What happens to codes that the codec cannot decode. Mimi has a row for
/// codes below n_valid_codes only; CSM's vocabulary is a little larger.
enum class CodecSafety {
  /// Invalid codes have no probability: sampling runs over the first
  /// n_valid_codes logits as if there were no others, top-k included, and
  /// the noise of the others is drawn and ignored. While no invalid code
  /// reaches the top-k, tokens equal those of kTorch.
  kMaskInvalid,
  /// As PyTorch: no masking. The caller must cope with invalid codes.
  kTorch,
  /// The rule of the first MLX port, for comparison: sampled as kTorch, then
  /// codes 1..31 (which are valid) become 0. Invalid codes pass.
  kLegacyRange,
};

/// Option values: "torch-f32", "torch-bf16"; "mask-invalid", "torch",
/// "legacy-range".
[[nodiscard]] const char* to_string(SamplerKind kind);
[[nodiscard]] const char* to_string(CodecSafety safety);
[[nodiscard]] std::optional<SamplerKind> parse_sampler_kind(
    std::string_view name);
[[nodiscard]] std::optional<CodecSafety> parse_codec_safety(
    std::string_view name);

/// How one code is drawn from one row of logits.
struct SamplerOptions {
  /// Divides the logits; finite, > 0. 1 leaves them untouched. PyTorch takes
  /// a Python double and rounds it to float32, as this field does.
  float temperature = 0.8F;
  /// Keeps the k largest logits and every tie with the k-th; >= 1. The
  /// sampler clamps it to the number of codes that may be drawn.
  int top_k = 100;
  /// The largest logit, lowest index first, instead of a draw. Temperature,
  /// top-k and noise are not used.
  bool greedy = false;
  SamplerKind kind = SamplerKind::kTorchF32;
  CodecSafety codec_safety = CodecSafety::kMaskInvalid;
  /// Number of rows of the codec's codebooks (2048 for Mimi in csm-1b);
  /// required, >= 1, for kMaskInvalid and unused otherwise.
  int n_valid_codes = 0;

  /// Throws: Error{kInvalidArgument} naming the field and its range.
  void validate() const;
  /// validate(), and top_k at most `vocab`, the number of logits. For
  /// surfaces where a person states top_k.
  void validate(int vocab) const;
  [[nodiscard]] std::string to_string() const;

  bool operator==(const SamplerOptions&) const = default;
};

}  // namespace csm::sampling
