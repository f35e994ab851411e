#include "csm/server/heard_voices.h"

#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"

namespace csm::server {

void HeardVoices::hear(engine::Engine& engine, const engine::Voice& voice) {
  const engine::Segment& segment = voice.segment;
  const std::string identity =
      str_cat(sha256_hex(std::as_bytes(std::span(segment.codes))),
              segment.utterance.speaker, ':', segment.utterance.text);
  if (heard_.contains(identity) || heard_.size() >= kMaxVoices) return;
  (void)engine.add_voice(voice);
  heard_.insert(identity);
}

}  // namespace csm::server
