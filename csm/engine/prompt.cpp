#include "csm/engine/prompt.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace csm::engine {
namespace {

// Positions [first, end) of a part.
Prompt::Part slice(const Prompt::Part& part, int first, int end) {
  const auto at = [&](int position) {
    return part.values.begin() +
           position * static_cast<std::ptrdiff_t>(part.width());
  };
  return {.is_audio = part.is_audio,
          .values = {at(first), at(end)},
          .n_positions = end - first};
}

}  // namespace

void Prompt::add(const Part& part) {
  if (part.n_positions == 0) return;
  n_positions_ += part.n_positions;
  if (parts_.empty() || parts_.back().is_audio != part.is_audio) {
    parts_.push_back(part);
    return;
  }
  Part& last = parts_.back();
  last.n_positions += part.n_positions;
  last.values.insert(last.values.end(), part.values.begin(), part.values.end());
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

void Prompt::append(const Prompt& more) {
  for (const Part& part : more.parts_) add(part);
}

int Prompt::n_common(const Prompt& other) const {
  int n_common = 0;
  for (std::size_t i = 0; i < std::min(parts_.size(), other.parts_.size());
       ++i) {
    const Part& mine = parts_[i];
    const Part& theirs = other.parts_[i];
    if (mine.is_audio != theirs.is_audio) break;
    const auto ends = std::mismatch(mine.values.begin(), mine.values.end(),
                                    theirs.values.begin(), theirs.values.end());
    const auto n_values =
        static_cast<std::size_t>(ends.first - mine.values.begin());
    n_common += static_cast<int>(n_values / mine.width());
    if (mine != theirs) break;
  }
  return n_common;
}

Prompt Prompt::first(int n_positions) const {
  Prompt beginning;
  for (const Part& part : parts_) {
    const int n = std::min(n_positions, part.n_positions);
    beginning.add(slice(part, 0, n));
    n_positions -= n;
  }
  return beginning;
}

Prompt Prompt::without_first(int n_positions) const {
  Prompt rest;
  for (const Part& part : parts_) {
    const int n_gone = std::min(n_positions, part.n_positions);
    rest.add(slice(part, n_gone, part.n_positions));
    n_positions -= n_gone;
  }
  return rest;
}

}  // namespace csm::engine
