#pragma once

#include <memory>

#include "csm/engine/codec_stream.h"
#include "csm/engine/engine_options.h"
#include "csm/engine/model_facts.h"

namespace csm::engine {

/// A direction of the codec.
enum class CodecPart { kEncoder, kDecoder };

/// One half of a model's codec, loaded without the language model and without
/// the tokenizer: what an Engine of the same options does with sound or codes,
/// the same bits.
///
/// Threads: as Engine.
class Codec {
 public:
  /// Throws: Error naming the file and field for whatever is wrong with the
  /// codec; as EngineOptions::validate.
  Codec(const EngineOptions& options, CodecPart part);
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  [[nodiscard]] const ModelFacts& facts() const;

  /// Begins to encode a sound, block by block.
  ///
  /// Throws: Error{kInvalidArgument} for a number of codebooks that the codec
  /// does not have, or from a decoder.
  [[nodiscard]] EncodeStream start_encoding(EncodeOptions options = {});

  /// Begins to decode codes of the first n_codebooks, block by block.
  ///
  /// Throws: Error{kInvalidArgument} for a number that the codec cannot decode,
  /// or from an encoder.
  [[nodiscard]] DecodeStream start_decoding(int n_codebooks);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::engine
