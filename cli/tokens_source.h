#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/model_path.h"
#include "cli/tokens_options.h"
#include "csm/validate/logit_rows.h"
#include "csm/validate/measure.h"

namespace csm::cli {

/// Where the logits of a token test come from: a file, or a model that speaks
/// prompts with several seeds.
struct TokenSource {
  ModelOptions model;
  std::string logits;
  int valid_codes = 0;
  std::string prompts;  ///< file, one prompt a line

  void add_to(CLI::App& command);

  struct Size {
    int n_prompts, n_seeds, n_frames;
  };
  struct Rows {
    validate::LogitRows rows;
    OrderedJson description;
  };

  /// Throws: UsageError for contradicting options; Error as read_logits,
  /// engine::Engine and validate::rows_of_model.
  [[nodiscard]] Rows load(const TokenSampling& sampling, const Size& size,
                          const std::function<void(int, int)>& progress) const;

 private:
  [[nodiscard]] std::vector<std::string> read_prompts(int n_prompts) const;
  [[nodiscard]] Rows load_from_model(
      const TokenSampling& sampling, const Size& size,
      const std::function<void(int, int)>& progress) const;

  const CLI::Option* model_option_ = nullptr;
};

/// n frames of `rows`, evenly spread; all if there are no more.
[[nodiscard]] validate::LogitRows spread_frames(const validate::LogitRows& rows,
                                                int n);

}  // namespace csm::cli
