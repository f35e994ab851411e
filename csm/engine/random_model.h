#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/json.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {

/// Models that exist only as a shape; their weights are random.
///
/// "csm-1b" is Sesame's CSM-1B with kyutai's Mimi, "demo" the demo model, and
/// "tiny" is for tests.
[[nodiscard]] std::vector<std::string> random_model_names();

/// The config.json of a named shape, in Hugging Face's layout.
///
/// Throws: Error{kInvalidArgument} listing the names if it is not one of them.
[[nodiscard]] Json random_model_config(std::string_view name);

/// Throws: Error{kExhausted} if a model that needs `needed` bytes does not fit
/// into `available` ones; unknown availability is no objection.
void require_memory(std::string_view name, std::uint64_t needed,
                    std::optional<std::uint64_t> available);

/// Writes the folder that transformers reads as the same model: config.json,
/// and model.safetensors with `tensors` as BF16. The encoder of the codec,
/// which speaking does not need, is left out.
///
/// tensors  what the model took from a random WeightStore
/// Throws: Error{kInvalidArgument} or Error{kExhausted} naming the file.
void write_random_model(const std::filesystem::path& folder,
                        std::string_view name, std::uint64_t seed,
                        const std::map<std::string, weights::WeightStore::Taken,
                                       std::less<>>& tensors);

}  // namespace csm::engine
