#pragma once

#include <filesystem>
#include <optional>

#include "csm/base/thread_pool.h"
#include "csm/codec/mimi_config.h"
#include "csm/engine/engine_options.h"
#include "csm/kernels/weight_view.h"
#include "csm/model/model_config.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {

/// All that a model is made from.
struct ModelSource {
  model::ModelConfig config;
  codec::MimiConfig codec;
  std::optional<text::Tokenizer> tokenizer;  ///< none with random weights
  weights::WeightStore store;
};

/// Opens a model folder and checks its files against each other.
///
/// Throws: Error naming the file and field for whatever is wrong.
[[nodiscard]] ModelSource open_folder(const std::filesystem::path& folder);

/// The folder or random weights of the options. pool fills random weights.
///
/// Throws: as open_folder(); Error{kInvalidArgument} if the type of weights is
/// another one than that of stored integers, and not float32;
/// Error{kExhausted} if there is too little memory for random weights.
[[nodiscard]] ModelSource open_model(const EngineOptions& options,
                                     ThreadPool* pool);

/// stored_weight_type() of a folder that is open.
[[nodiscard]] WeightType stored_weight_type(const ModelSource& source);

/// The kernels' name of a type.
[[nodiscard]] kernels::WeightType kernel_type(WeightType type);

}  // namespace csm::engine
