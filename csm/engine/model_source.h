#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "csm/base/json.h"
#include "csm/base/thread_pool.h"
#include "csm/codec/mimi_config.h"
#include "csm/engine/engine_options.h"
#include "csm/engine/model_facts.h"
#include "csm/kernels/weight_view.h"
#include "csm/model/model_config.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {

/// Sizes of a model and its codec.
struct ModelConfigs {
  model::ModelConfig model;
  codec::MimiConfig codec;
};

/// All that a model is made from.
struct ModelSource {
  model::ModelConfig config;
  codec::MimiConfig codec;
  /// None with random weights, and if nobody needs it.
  std::optional<text::Tokenizer> tokenizer;
  weights::WeightStore store;

  [[nodiscard]] ModelFacts facts() const;
};

/// What open_model() may leave out.
struct SourceNeeds {
  bool tokenizer = true;
};

/// What the weights' own file or config.json beside them say, and for files of
/// another layout than Hugging Face's, which may have neither, csm-1b's values.
/// A codec in a folder of its own may have a config.json there.
///
/// Throws: as ModelConfig::parse and MimiConfig::parse.
[[nodiscard]] ModelConfigs read_configs(const weights::WeightStore& store,
                                        const ModelFiles& files);

/// Throws: Error{kNotFound} saying where to get it, if there are no weights of
/// the codec.
void require_codec(const weights::WeightStore& store);

/// The JSON that read_configs() reads: the model's config.json and the codec's,
/// which may be a part of it; empty objects where there is none.
struct ConfigDocuments {
  Json model;
  Json codec;
};
[[nodiscard]] ConfigDocuments read_documents(const weights::WeightStore& store,
                                             const ModelFiles& files);

/// The tokenizer.json that load_tokenizer() parses.
///
/// Throws: Error{kNotFound} saying where to get it; Error{kCorrupt}.
[[nodiscard]] Json tokenizer_json(const weights::WeightStore& store,
                                  const ModelFiles& files,
                                  const model::ModelConfig& config);

/// The tokenizer that was named, or of the weights' own file, or beside them;
/// with csm-1b's template and names of tokens if it is the plain Llama 3.2 one.
///
/// Throws: as text::Tokenizer::parse; Error{kNotFound} saying where to get it.
[[nodiscard]] text::Tokenizer load_tokenizer(const weights::WeightStore& store,
                                             const ModelFiles& files,
                                             const model::ModelConfig& config);

/// Opens a model and checks its files against each other.
///
/// Throws: Error naming the file and field for whatever is wrong, and where to
/// get what is missing.
[[nodiscard]] ModelSource open_files(const ModelFiles& files,
                                     const SourceNeeds& needs = {});

/// The model or random weights of the options. pool fills random weights.
///
/// Throws: as open_files(); Error{kInvalidArgument} if the type of weights is
/// another one than that of stored integers, and not float32;
/// Error{kExhausted} if there is too little memory for random weights.
[[nodiscard]] ModelSource open_model(const EngineOptions& options,
                                     ThreadPool* pool,
                                     const SourceNeeds& needs = {});

/// All files that a model's speech depends on, for its digest.
///
/// Throws: as weights::WeightStore::open.
[[nodiscard]] std::set<std::filesystem::path> files_of(const ModelFiles& files);

/// The digest of what a model speaks with: its files, its adapters and their
/// strengths.
///
/// kept  folder in which digests of files are kept
/// (weights::kept_model_digest);
///       nothing: they are read
/// Throws: as files_of() and weights::model_digest().
[[nodiscard]] std::string digest_of(
    const ModelFiles& files,
    const std::optional<std::filesystem::path>& kept = std::nullopt);

/// stored_weight_type() of a model that is open.
[[nodiscard]] WeightType stored_weight_type(const ModelSource& source);

/// The kernels' name of a type.
[[nodiscard]] kernels::WeightType kernel_type(WeightType type);

}  // namespace csm::engine
