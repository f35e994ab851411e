#include "csm/server/talk.h"

#include <algorithm>
#include <utility>

#include "csm/base/sha256.h"

namespace csm::server {
namespace {

bool is_same(const engine::Segment& a, const engine::Segment& b) {
  return a.utterance.text == b.utterance.text && a.codes == b.codes;
}

}  // namespace

engine::Conversation& Talk::heard(engine::Engine& engine) {
  if (!heard_) heard_.emplace(engine);
  return *heard_;
}

void Talk::hear_voice(engine::Engine& engine, const engine::Voice& voice) {
  const std::string digest =
      sha256_hex(std::as_bytes(std::span(voice.segment.codes)));
  if (voices_.insert(digest).second) heard(engine).add(voice.segment);
}

void Talk::hear(engine::Engine& engine, engine::Segment segment) {
  heard(engine).add(std::move(segment));
}

engine::Session Talk::start(engine::Engine& engine,
                            const engine::Utterance& utterance,
                            const engine::GenerationOptions& options,
                            std::optional<int> max_positions) {
  engine::Conversation& all = heard(engine);
  all.make_room(utterance, options, max_positions);
  if (auto session = std::exchange(latest_, std::nullopt)) {
    all.keep(*std::move(session));
  }
  return all.start(utterance, options);
}

void Talk::add(engine::Engine& engine, Said said, engine::Session session) {
  heard(engine).add(said.segment);
  recent_.push_back(std::move(said));
  latest_ = std::move(session);
}

std::vector<engine::Segment> Talk::trim(engine::Engine& engine,
                                        std::int64_t played_ms) {
  engine::Conversation before(engine);
  for (const engine::Segment& segment : heard(engine).segments()) {
    const bool is_recent = std::any_of(
        recent_.begin(), recent_.end(),
        [&](const Said& said) { return is_same(said.segment, segment); });
    if (!is_recent) before.add(segment);
  }
  const engine::ModelFacts& facts = engine.facts();
  const int frame_ms = facts.samples_per_frame * 1000 / facts.sample_rate_hz;
  recent_ =
      heard_of(std::move(recent_), played_ms, facts.n_codebooks, frame_ms);
  std::vector<engine::Segment> kept;
  for (const Said& said : recent_) {
    before.add(said.segment);
    kept.push_back(said.segment);
  }
  heard_ = std::move(before);
  return kept;
}

}  // namespace csm::server
