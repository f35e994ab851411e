#include "csm/engine/prompt.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace csm::engine {

void Prompt::add(Part part) {
  n_positions_ += part.n_positions;
  parts_.push_back(std::move(part));
}

void Prompt::add_text(std::vector<std::int32_t> ids) {
  const int n_ids = static_cast<int>(ids.size());
  add({.is_audio = false, .values = std::move(ids), .n_positions = n_ids});
}

void Prompt::add_audio(std::span<const std::int32_t> codes, int n_codebooks,
                       std::int32_t end_code) {
  std::vector<std::int32_t> values(codes.begin(), codes.end());
  values.insert(values.end(), static_cast<std::size_t>(n_codebooks), end_code);
  const int n_frames = static_cast<int>(values.size()) / n_codebooks;
  add({.is_audio = true, .values = std::move(values), .n_positions = n_frames});
}

void Prompt::add_frames(std::span<const std::int32_t> codes, int n_codebooks) {
  const int n_frames = static_cast<int>(codes.size()) / n_codebooks;
  add({.is_audio = true,
       .values = {codes.begin(), codes.end()},
       .n_positions = n_frames});
}

bool Prompt::begins(const Prompt& longer) const {
  return parts_.size() <= longer.parts_.size() &&
         std::equal(parts_.begin(), parts_.end(), longer.parts_.begin());
}

Prompt Prompt::without_first(std::size_t n_parts) const {
  Prompt rest;
  for (std::size_t i = n_parts; i < parts_.size(); ++i) rest.add(parts_[i]);
  return rest;
}

}  // namespace csm::engine
