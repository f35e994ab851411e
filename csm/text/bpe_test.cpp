#include "csm/text/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using testing_support::small_tokenizer;
using Ids = std::vector<std::int32_t>;

BpeModel model_of(const Json& file) {
  return BpeModel(JsonObject(file["model"], "t.json, model"));
}

Ids encode(const BpeModel& model, std::string_view piece) {
  Ids ids;
  model.encode(piece, ids);
  return ids;
}

// The definition of BPE: again and again the lowest rank, leftmost first.
Ids encode_by_definition(const BpeModel& model, const Json& merges,
                         const std::string& piece) {
  std::vector<std::string> parts;
  for (const char c : piece) parts.emplace_back(1, c);
  while (true) {
    std::size_t best_rank = merges.size();
    std::size_t best = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      for (std::size_t rank = 0; rank < best_rank; ++rank) {
        if (merges[rank][0] == parts[i] && merges[rank][1] == parts[i + 1]) {
          best_rank = rank;
          best = i;
        }
      }
    }
    if (best_rank == merges.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& part : parts) ids.push_back(*model.id_of(part));
  return ids;
}

TEST(Bpe, MergesLowestRankFirst) {
  const BpeModel model = model_of(small_tokenizer());
  EXPECT_EQ(encode(model, "hello"), (Ids{259}));
  EXPECT_EQ(encode(model, "hhello"), (Ids{'h', 259}));
  EXPECT_EQ(encode(model, "ello"), (Ids{'e', 257, 'o'}));
  EXPECT_EQ(encode(model, "lll"), (Ids{257, 'l'}));
  EXPECT_EQ(encode(model, "\xC3\xA9"), (Ids{0xC3, 0xA9}));
  EXPECT_EQ(encode(model, ""), Ids{});
}

TEST(Bpe, IgnoreMergesTakesWholePieces) {
  Json file = small_tokenizer();
  EXPECT_EQ(encode(model_of(file), " hello"), (Ids{260}));
  file["model"]["ignore_merges"] = false;
  EXPECT_EQ(encode(model_of(file), " hello"), (Ids{' ', 259}));
}

TEST(Bpe, MergesAsStringsAreTheSame) {
  Json file = small_tokenizer();
  for (Json& merge : file["model"]["merges"]) {
    merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  }
  EXPECT_EQ(encode(model_of(file), "hhello"), (Ids{'h', 259}));
}

TEST(Bpe, RandomModelsAgreeWithTheDefinition) {
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    Json file = small_tokenizer();
    Json& model = file["model"];
    model["ignore_merges"] = false;
    model["merges"] = Json::array();
    std::vector<std::string> entries = {"a", "b", "c"};
    while (entries.size() < 40) {
      const std::string left = entries[random() % entries.size()];
      const std::string right = entries[random() % entries.size()];
      if (left.size() + right.size() > 8) continue;
      Json& vocabulary = model["vocab"];
      if (!vocabulary.contains(left + right)) {
        vocabulary[left + right] = vocabulary.size();
      }
      const Json merge = {left, right};
      Json& merges = model["merges"];
      if (std::find(merges.begin(), merges.end(), merge) == merges.end()) {
        merges.push_back(merge);
      }
      entries.push_back(left + right);
    }
    const BpeModel bpe = model_of(file);
    for (int trial = 0; trial < 20; ++trial) {
      std::string piece(random() % 40, 'a');
      for (char& c : piece) c = static_cast<char>('a' + random() % 3);
      ASSERT_EQ(encode(bpe, piece),
                encode_by_definition(bpe, model["merges"], piece))
          << piece;
    }
  }
}

TEST(Bpe, MegabytePieceTakesNoQuadraticTime) {
  const BpeModel model = model_of(small_tokenizer());
  std::string piece;
  while (piece.size() < 1'000'000) piece += "hellllo";
  const Ids ids = encode(model, piece);
  EXPECT_EQ(ids.size(), piece.size() / 7 * 3);  // hell ll o
  EXPECT_EQ(ids[0], 258);
  EXPECT_EQ(ids[1], 257);
  EXPECT_EQ(ids[2], 'o');
}

TEST(Bpe, EntriesAndIds) {
  const BpeModel model = model_of(small_tokenizer());
  EXPECT_EQ(model.size(), 261);
  EXPECT_EQ(model.largest_id(), 260);
  EXPECT_EQ(*model.entry(260), "\u0120hello");
  EXPECT_EQ(model.entry(261), nullptr);
  EXPECT_EQ(model.entry(-1), nullptr);
  EXPECT_EQ(model.id_of("\u0120hello"), 260);
  EXPECT_EQ(model.id_of(" hello"), std::nullopt);
  EXPECT_EQ(model.id_of(""), std::nullopt);
}

}  // namespace
}  // namespace csm::text
