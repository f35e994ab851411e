#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "csm/base/json.h"

namespace csm::weights {

/// The form of integer weights of one matrix: MLX's affine mode.
struct AffineForm {
  int bits = 0;   ///< of one weight: 2, 3, 4, 5, 6 or 8
  int group = 0;  ///< columns that share a scale and a bias

  bool operator==(const AffineForm&) const = default;
};

/// "4 bits in groups of 64".
[[nodiscard]] std::string to_string(AffineForm form);

/// The form in which integers are held in memory: the next wider of 4 and 8
/// bits, and the largest of 128, 64 and 32 columns that divides the group; with
/// other groups the group itself. No weight changes.
[[nodiscard]] AffineForm widened_form(AffineForm form);

/// True for the forms that kernels compute with: 4 or 8 bits in groups of 32,
/// 64 or 128.
[[nodiscard]] bool is_kernel_form(AffineForm form);

/// "a.b", the module whose weights the tensor "a.b.weight" holds; none for
/// tensors of other names.
[[nodiscard]] std::optional<std::string> module_of(std::string_view tensor);

/// What config.json says about integer weights, as MLX's tools write it: an
/// object "quantization" (or "quantization_config", or both and equal) with
/// "bits", "group_size", "mode", and for modules that differ an object or
/// false under their name.
struct Quantization {
  AffineForm form;  ///< of all modules that are not listed
  /// Listed modules; none: its weights are no integers.
  std::map<std::string, std::optional<AffineForm>, std::less<>> modules;

  /// The form of a module_of() a tensor, with or without mlx-audio's "model."
  /// in front.
  [[nodiscard]] std::optional<AffineForm> of(std::string_view module) const;

  /// Nothing if the configuration does not speak of quantisation.
  ///
  /// Throws: Error{kCorrupt} naming the field; Error{kUnsupported} for other
  /// bits or modes than the above, and other tools' methods.
  [[nodiscard]] static std::optional<Quantization> parse(
      const JsonObject& config);

  /// The same from a model folder's config.json.
  [[nodiscard]] static std::optional<Quantization> load(
      const std::filesystem::path& model_dir);

  /// The object for config.json.
  [[nodiscard]] Json to_json() const;
};

/// A form with these values.
///
/// where  for messages
/// Throws: Error{kUnsupported} unless the bits are 2, 3, 4, 5, 6 or 8 and the
/// group is a multiple of 8.
[[nodiscard]] AffineForm checked_form(std::int64_t bits, std::int64_t group,
                                      const std::string& where);

}  // namespace csm::weights
