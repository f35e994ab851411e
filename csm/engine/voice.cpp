#include "csm/engine/voice.h"

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::engine {
namespace {

[[noreturn]] void refuse(const std::string& what, const Voice& voice) {
  throw Error(
      ErrorCode::kInvalidArgument,
      str_cat("[engine.voice] expected ", what, " (", voice.origin, ")"));
}

}  // namespace

void check_voice(const Voice& voice, const ModelFacts& facts,
                 const std::string& codec_sha256) {
  if (voice.n_codebooks != facts.n_codebooks) {
    refuse(str_cat("a voice of ", facts.n_codebooks,
                   " codebooks, as the model has, got ", voice.n_codebooks),
           voice);
  }
  if (voice.n_codec_codes != facts.n_codec_codes) {
    refuse(str_cat("a voice of ", facts.n_codec_codes,
                   " codes in a codebook, as the model has, got ",
                   voice.n_codec_codes),
           voice);
  }
  if (voice.codec_sha256 != codec_sha256) {
    refuse(str_cat("a voice made with this model's codec, ",
                   codec_sha256.substr(0, 16), ", got codes of another, ",
                   voice.codec_sha256.substr(0, 16)),
           voice);
  }
}

std::string why_unfit(const VoiceCache& cache,
                      const std::optional<VoiceCacheKey>& key,
                      int n_positions) {
  if (!key) return "this device may round otherwise than the cache";
  if (cache.key.weights_sha256 != key->weights_sha256) {
    return "its cache was made with other weights";
  }
  if (cache.key.weight_type != key->weight_type) {
    return str_cat("its cache was made with dtype ",
                   to_string(cache.key.weight_type), ", not ",
                   to_string(key->weight_type));
  }
  if (cache.key != *key || cache.rows.n_positions != n_positions) {
    return "its cache is of other sizes";
  }
  return {};
}

}  // namespace csm::engine
