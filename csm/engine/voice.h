#pragma once

#include <optional>
#include <string>

#include "csm/engine/engine_options.h"
#include "csm/engine/model_facts.h"
#include "csm/engine/session.h"
#include "csm/nn/kv_rows.h"

namespace csm::engine {

/// What the keys and values of a voice's prompt depend on, besides the prompt.
/// Not on instruction sets or threads: CPU kernels give the same bits on all.
struct VoiceCacheKey {
  std::string weights_sha256;  ///< weights::model_digest()
  WeightType weight_type = WeightType::kF32;
  int n_layers = 0;
  int n_kv_heads = 0;
  int head_dim = 0;

  bool operator==(const VoiceCacheKey&) const = default;
};

/// The keys and values that a model has for a voice's prompt.
struct VoiceCache {
  VoiceCacheKey key;
  nn::KvRows rows;

  bool operator==(const VoiceCache&) const = default;
};

/// Something that was said in a voice, which a model that hears it first goes
/// on to speak in.
struct Voice {
  Segment segment;
  int n_codebooks = 0;       ///< K of the segment's codes
  int n_codec_codes = 0;     ///< they lie below
  std::string codec_sha256;  ///< of its codebooks
  /// Spares the model the hearing.
  std::optional<VoiceCache> cache = {};
  std::string origin = "voice";  ///< where it came from, for messages

  /// Frames of the segment.
  [[nodiscard]] int n_frames() const {
    return static_cast<int>(segment.codes.size()) / n_codebooks;
  }
};

/// How an engine took a voice in.
struct VoiceUse {
  bool from_cache = false;
  std::string why_not;  ///< why the cache was of no use, for people
};

/// Whether a model can speak in a voice.
///
/// codec_sha256  of the model's codebooks
/// Throws: Error{kInvalidArgument} naming what differs.
void check_voice(const Voice& voice, const ModelFacts& facts,
                 const std::string& codec_sha256);

/// Why a cache does not hold for a model, for people; empty if it does.
///
/// key          of the model; nothing if no cache holds for it
/// n_positions  of the voice's prompt
[[nodiscard]] std::string why_unfit(const VoiceCache& cache,
                                    const std::optional<VoiceCacheKey>& key,
                                    int n_positions);

}  // namespace csm::engine
