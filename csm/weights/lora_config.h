#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/json.h"

namespace csm::weights {

/// What adapter_config.json of a PEFT adapter says about merging it.
class LoraConfig {
 public:
  /// Throws: Error{kCorrupt} naming the field; Error{kUnsupported} for another
  /// kind of adapter than LoRA, and for variants of LoRA that are more than a
  /// product of two matrices added to a weight (DoRA, trained biases, ways to
  /// begin that change the base model, ...).
  static LoraConfig parse(const JsonObject& config);

  /// The same from an adapter's folder.
  static LoraConfig load(const std::filesystem::path& folder);

  /// Rank of a module, as the first of "rank_pattern" that fits or "r" says.
  [[nodiscard]] int rank(std::string_view module) const;

  /// What the product of a module's matrices is multiplied with: alpha / rank,
  /// or alpha / sqrt(rank) with "use_rslora".
  [[nodiscard]] double scale(std::string_view module) const;

 private:
  using Pattern = std::map<std::string, double, std::less<>>;

  [[nodiscard]] double find(const Pattern& pattern, std::string_view module,
                            double usual) const;

  std::vector<std::string> parameters_;  // ends of names that PEFT knows whole
  int rank_ = 0;
  double alpha_ = 0;
  bool by_root_ = false;
  Pattern ranks_;   // by the end of a module's name
  Pattern alphas_;  // the same
};

}  // namespace csm::weights
