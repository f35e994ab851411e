#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "csm/engine/engine_options.h"

namespace csm::cli {

/// The options --model, --layout, --mimi, --tokenizer and --adapter, which say
/// what files a model is made of.
struct FilesOptions {
  std::string model;                  ///< as resolve_model() takes it
  std::string layout = "auto";        ///< auto: the weights' names tell
  std::string mimi;                   ///< empty: inside or beside the weights
  std::string tokenizer;              ///< the same
  std::vector<std::string> adapters;  ///< "DIR" or "DIR:STRENGTH"

  void add_to(CLI::App& command);

  /// Throws: UsageError for an unknown layout; as resolve_model().
  [[nodiscard]] engine::ModelFiles files() const;
};

/// The same with --dtype, --device and --threads, which every command that runs
/// a model has.
struct ModelOptions : FilesOptions {
  std::string dtype = "auto";  ///< auto: as stored if integers, else f32
  std::string device = "cpu";
  int threads = 0;
  std::string random_weights;  ///< a shape instead of a folder, if not empty

  void add_to(CLI::App& command);
  /// As add_to, without --dtype.
  void add_place_to(CLI::App& command);

  /// Throws: UsageError for unknown names, Error{kNotFound} if the model is
  /// not there.
  [[nodiscard]] engine::EngineOptions resolve() const;
};

/// The folder of a model given on the command line; the demo model if empty.
///
/// option  that gave it, for messages
/// Throws: Error{kNotFound} naming what was looked for.
[[nodiscard]] std::filesystem::path resolve_model(
    const std::string& model, std::string_view option = "--model");

}  // namespace csm::cli
