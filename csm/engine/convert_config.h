#pragma once

#include "csm/base/json.h"
#include "csm/engine/model_source.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {

/// The config.json of a model in another layout: what its own says, with every
/// size, id and rope of both configurations spelt out, so that no default of
/// another program can differ. Layouts other than Hugging Face's get the
/// original's five keys too. Nothing in it speaks of integers.
///
/// documents  of the model that is converted
[[nodiscard]] Json converted_config(const ConfigDocuments& documents,
                                    const model::ModelConfig& model,
                                    const codec::MimiConfig& codec,
                                    bool tied_tables, weights::Layout layout);

}  // namespace csm::engine
