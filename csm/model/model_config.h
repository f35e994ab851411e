#pragma once

#include <filesystem>
#include <string>

#include "csm/base/json.h"
#include "csm/nn/llama.h"
#include "csm/weights/tensor_names.h"

namespace csm::model {

/// Sizes and ids of a CSM, from the config.json of its checkpoint.
///
/// Keys that Hugging Face leaves out when they have the default value are
/// filled with csm-1b's, or those of the flavours that the original's five keys
/// name; everything is checked, so that a model built from it cannot overflow
/// or allocate without bound.
struct ModelConfig {
  int n_codebooks;  ///< K, codes per frame
  int audio_vocab;  ///< V, rows per codebook, also for heads
  int text_vocab;   ///< rows of the text embedding

  nn::LlamaConfig backbone;  ///< width D
  nn::LlamaConfig depth;     ///< width d

  /// Frames and depth decoder share one audio table.
  bool tied_audio_tables;

  int bos_token;        ///< first text token of a segment
  int audio_token;      ///< placeholder of one audio frame in a prompt's text
  int audio_eos_token;  ///< placeholder of the frame that ends a segment
  int codebook_eos;     ///< a frame of only this code ends speech; < V
  int codebook_pad;     ///< filler code of batches

  /// Reads `<model_dir>/config.json`.
  ///
  /// Throws: Error{kNotFound}; Error{kCorrupt} naming file and field;
  /// Error{kUnsupported} for a model type, activation, bias or rope type that
  /// this library does not have.
  [[nodiscard]] static ModelConfig load(const std::filesystem::path& model_dir);

  /// The same from parsed JSON.
  ///
  /// layout  of the weights. Hugging Face's without rope_scaling have none, as
  ///         transformers takes them; others have csm-1b's.
  [[nodiscard]] static ModelConfig parse(
      const JsonObject& json,
      weights::Layout layout = weights::Layout::kHuggingFace);

  /// One line of sizes, for people.
  [[nodiscard]] std::string to_string() const;
};

}  // namespace csm::model
