#include "csm/text/bpe.h"

#include <algorithm>
#include <array>
#include <limits>
#include <queue>
#include <string>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::text {
namespace {

constexpr std::int64_t kMaxId = (1 << 24) - 1;

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& origin) {
  throw Error(code, str_cat("[text.bpe] ", what, " (", origin, ")"));
}

// Bytes that occur in no well-formed UTF-8 need no vocabulary entry.
bool occurs_in_utf8(unsigned byte) {
  return byte != 0xC0 && byte != 0xC1 && byte < 0xF5;
}

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) |
         static_cast<std::uint32_t>(right);
}

// One entry of a piece in a doubly linked list.
struct Symbol {
  std::int32_t id;
  std::int32_t previous;  // -1: none
  std::int32_t next;      // -1: none; merged symbols have id -1
};

// A merge that was possible when it was queued: lowest rank first, then the
// leftmost.
struct Candidate {
  std::uint32_t rank;
  std::int32_t position;
  std::int32_t id;

  bool operator<(const Candidate& other) const {  // priority_queue: max first
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

}  // namespace

BpeModel::BpeModel(const JsonObject& model) {
  read_options(model);
  read_vocabulary(model);
  check_bytes(model);
  read_merges(model);
}

void BpeModel::read_options(const JsonObject& model) {
  const auto refuse = [&model](const char* key, const char* expected) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected ", expected, " in field '", key, "'"),
         model.origin());
  };
  if (model.string_or("type", "BPE") != "BPE") refuse("type", "\"BPE\"");
  if (model.number_or("dropout", 0, 1, 0) != 0) refuse("dropout", "null");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.string_or(key, "").empty()) refuse(key, "null");
  }
  if (model.boolean_or("byte_fallback", false)) {
    refuse("byte_fallback", "false");
  }
  ignore_merges_ = model.boolean_or("ignore_merges", false);
}

void BpeModel::read_vocabulary(const JsonObject& model) {
  const JsonObject vocabulary = model.object("vocab");
  size_ = static_cast<std::int32_t>(
      std::min<std::size_t>(vocabulary.value().size(), kMaxId + 1));
  by_bytes_.reserve(vocabulary.value().size());
  for (const auto& [entry, id] : vocabulary.value().items()) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() > kMaxId) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected an id in [0, ", kMaxId, "] for '",
                   printable(entry, 40), "'"),
           vocabulary.origin());
    }
    const auto index = static_cast<std::size_t>(id.get<std::int64_t>());
    if (entry.empty()) {
      fail(ErrorCode::kCorrupt, "expected entries that are not empty",
           vocabulary.origin());
    }
    if (index >= entries_.size()) entries_.resize(index + 1);
    if (!entries_[index].empty()) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected distinct ids, got ", index, " twice"),
           vocabulary.origin());
    }
    entries_[index] = entry;
    const auto number = static_cast<std::int32_t>(index);
    if (auto bytes = alphabet_.to_bytes(entry)) {
      by_bytes_.emplace(std::move(*bytes), number);
    } else {
      others_.emplace(entry, number);
    }
  }
}

void BpeModel::check_bytes(const JsonObject& model) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    if (occurs_in_utf8(byte) && !by_bytes_.contains(text)) {
      fail(
          ErrorCode::kCorrupt,
          str_cat("expected an entry for every byte, got none for byte ", byte),
          model.origin() + ", vocab");
    }
  }
}

void BpeModel::read_merges(const JsonObject& model) {
  const std::string origin = model.origin() + ", merges";
  const auto field = model.value().find("merges");
  if (field == model.value().end() || !field->is_array()) {
    model.fail("merges", "an array");
  }
  merges_.reserve(field->size());
  std::uint32_t rank = 0;
  for (const Json& merge : *field) {
    std::string left;
    std::string right;
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const std::size_t space = text.find(' ');
      if (space != std::string::npos) {
        left = text.substr(0, space);
        right = text.substr(space + 1);
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    }
    if (left.empty() || right.empty()) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected \"a b\" or [\"a\", \"b\"] at index ", rank),
           origin);
    }
    add_merge(left, right, rank++, origin);
  }
}

void BpeModel::add_merge(const std::string& left, const std::string& right,
                         std::uint32_t rank, const std::string& origin) {
  std::array<std::int32_t, 3> ids{};
  const std::array<std::string, 3> names = {left, right, left + right};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto id = id_of(names[i]);
    if (!id) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected entries of the vocabulary, got '",
                   printable(names[i], 40), "' in the merge at index ", rank),
           origin);
    }
    ids[i] = *id;
  }
  // The last of two equal merges counts, as in `tokenizers`.
  merges_.insert_or_assign(pair_key(ids[0], ids[1]), Merge{rank, ids[2]});
}

const std::string* BpeModel::entry(std::int32_t id) const {
  if (id < 0 || id > largest_id()) return nullptr;
  const std::string& text = entries_[static_cast<std::size_t>(id)];
  return text.empty() ? nullptr : &text;
}

std::optional<std::int32_t> BpeModel::id_of(std::string_view entry) const {
  const auto bytes = alphabet_.to_bytes(entry);
  const IdByText& map = bytes ? by_bytes_ : others_;
  const auto it = map.find(bytes ? std::string_view(*bytes) : entry);
  if (it == map.end()) return std::nullopt;
  return it->second;
}

const BpeModel::Merge* BpeModel::merge_of(std::int32_t left,
                                          std::int32_t right) const {
  const auto it = merges_.find(pair_key(left, right));
  return it == merges_.end() ? nullptr : &it->second;
}

void BpeModel::encode(std::string_view piece,
                      std::vector<std::int32_t>& ids) const {
  CSM_CHECK(piece.size() < std::numeric_limits<std::int32_t>::max(),
            "piece too long");
  if (ignore_merges_ || piece.size() == 1) {
    const auto it = by_bytes_.find(piece);
    if (it != by_bytes_.end()) {
      ids.push_back(it->second);
      return;
    }
  }
  if (!piece.empty()) merge_bytes(piece, ids);
}

void BpeModel::merge_bytes(std::string_view piece,
                           std::vector<std::int32_t>& ids) const {
  const auto size = static_cast<std::int32_t>(piece.size());
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  for (std::int32_t i = 0; i < size; ++i) {
    const auto it =
        by_bytes_.find(piece.substr(static_cast<std::size_t>(i), 1));
    CSM_CHECK(it != by_bytes_.end(), "byte without an entry");
    symbols.push_back({it->second, i - 1, i + 1 < size ? i + 1 : -1});
  }
  const auto at = [&symbols](std::int32_t index) -> Symbol& {
    return symbols[static_cast<std::size_t>(index)];
  };

  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0) return;
    if (const Merge* merge = merge_of(at(left).id, at(right).id)) {
      queue.push({merge->rank, left, merge->id});
    }
  };
  for (std::int32_t i = 0; i + 1 < size; ++i) offer(i, i + 1);

  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = at(best.position);
    if (left.id < 0 || left.next < 0) continue;
    // Stale unless the pair there now still merges into the same entry, which
    // is also what `tokenizers` compares.
    Symbol& right = at(left.next);
    const Merge* merge = merge_of(left.id, right.id);
    if (merge == nullptr || merge->id != best.id) continue;
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) at(left.next).previous = best.position;
    offer(left.previous, best.position);
    offer(best.position, left.next);
  }
  for (std::int32_t i = 0; i >= 0; i = at(i).next) ids.push_back(at(i).id);
}

}  // namespace csm::text
