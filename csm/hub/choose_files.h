#pragma once

#include <string>
#include <vector>

namespace csm::hub {

/// Which files of a repository csm reads.
struct Choice {
  /// Weights, or the index whose shards are weights too.
  std::string weights;
  bool is_index = false;
  /// They were not asked for and have one of the usual names: whoever opens the
  /// folder finds them.
  bool is_usual = false;
  /// config.json, generation_config.json and tokenizer.json, where they are.
  std::vector<std::string> others;
};

/// Chooses from the files that a repository has.
///
/// names  paths of its files
/// file   the weights that were asked for; empty: the first of
///        transformers.safetensors.index.json, model.safetensors,
///        model.safetensors.index.json, the only other .safetensors file, the
///        only .gguf file (as weights::Checkpoint::open looks for them)
/// where  for messages: the repository
///
/// Throws: Error{kNotFound} if `file` is not there, or no weights that csm
/// reads; Error{kInvalidArgument} listing them if there are several.
[[nodiscard]] Choice choose_files(const std::vector<std::string>& names,
                                  const std::string& file,
                                  const std::string& where);

/// The names of the shards that an index lists, ascending.
///
/// Throws: Error{kCorrupt} naming the file if it is no index, or if a name is
/// not that of a file beside it.
[[nodiscard]] std::vector<std::string> shards_of(const std::string& text,
                                                 const std::string& origin);

}  // namespace csm::hub
