// Ids and decoded texts of PyPI `tokenizers` for more than 20,000 varied texts
// (tools/oracle/tokenizer_goldens.py).

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/text/tokenizer.h"
#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(CSM_SOURCE_DIR) / "tests/data/tokenizer";
const fs::path kDemo = fs::path(CSM_SOURCE_DIR) / "models/demo/tokenizer.json";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// Little endian integers from the front of a text.
std::uint32_t take(std::string_view& data, std::size_t n_bytes) {
  EXPECT_GE(data.size(), n_bytes);
  std::uint32_t value = 0;
  for (std::size_t i = std::min(n_bytes, data.size()); i-- > 0;) {
    value = (value << 8U) | static_cast<std::uint8_t>(data[i]);
  }
  data.remove_prefix(std::min(n_bytes, data.size()));
  return value;
}

std::uint32_t fnv1a(std::string_view bytes) {
  std::uint32_t value = 0x811C9DC5;
  for (const char c : bytes) {
    value = (value ^ static_cast<std::uint8_t>(c)) * 0x01000193U;
  }
  return value;
}

std::uint32_t fnv1a(std::span<const std::int32_t> ids) {
  std::string bytes;
  for (const std::int32_t id : ids) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes.push_back(
          static_cast<char>(static_cast<std::uint32_t>(id) >> shift));
    }
  }
  return fnv1a(bytes);
}

class TokenizerGolden : public testing::Test {
 protected:
  void SetUp() override {
    const std::string texts = read_file(kData / "texts.bin");
    std::string_view rest = texts;
    texts_.resize(take(rest, 4));
    for (std::string& text : texts_) {
      const std::uint32_t size = take(rest, 2);
      ASSERT_GE(rest.size(), size);
      text = rest.substr(0, size);
      rest.remove_prefix(size);
    }
    ASSERT_TRUE(rest.empty());
    ASSERT_GE(texts_.size(), 20'000U);
    hashes_ = read_file(kData / "ids.bin");
    ASSERT_EQ(hashes_.size(), 4 * 4 * texts_.size());
  }

  // Compares f(text), hashed, with the hashes of one column.
  template <class F>
  void compare(std::size_t column, F&& f) {
    std::string_view rest = hashes_;
    rest.remove_prefix(column * 4 * texts_.size());
    int n_wrong = 0;
    for (const std::string& text : texts_) {
      const auto got = f(text);
      if (fnv1a(got) == take(rest, 4)) continue;
      if (++n_wrong <= 5) {
        ADD_FAILURE() << "text " << testing::PrintToString(text) << " gives "
                      << testing::PrintToString(got);
      }
    }
    EXPECT_EQ(n_wrong, 0) << "of " << texts_.size();
  }

  std::vector<std::string> texts_;
  std::string hashes_;
};

TEST_F(TokenizerGolden, DemoModelIds) {
  const std::string file = read_file(kDemo);
  ASSERT_EQ(sha256_hex(std::as_bytes(std::span(file))) + "\n",
            read_file(kData / "demo.sha256"))
      << "models/demo/tokenizer.json changed: run "
         "tools/oracle/tokenizer_goldens.py";
  const Tokenizer tokenizer = Tokenizer::load(kDemo);
  compare(0, [&](const std::string& t) { return tokenizer.encode(t, true); });
}

TEST_F(TokenizerGolden, Llama3FormIds) {
  const Tokenizer tokenizer = Tokenizer::load(kData / "tokenizer.json");
  compare(1, [&](const std::string& t) { return tokenizer.encode(t, true); });
}

TEST_F(TokenizerGolden, Llama3FormWithMergesIds) {
  Json file = Json::parse(read_file(kData / "tokenizer.json"));
  file["model"]["ignore_merges"] = false;
  const Tokenizer tokenizer = testing_support::load_json(file);
  compare(2, [&](const std::string& t) { return tokenizer.encode(t, false); });
}

TEST_F(TokenizerGolden, Llama3FormDecodedTexts) {
  const Tokenizer tokenizer = Tokenizer::load(kData / "tokenizer.json");
  compare(3, [&](const std::string& t) {
    return tokenizer.decode(tokenizer.encode(t, true), true);
  });
}

TEST_F(TokenizerGolden, SampleIdsInFull) {
  const Json samples = Json::parse(read_file(kData / "samples.json"));
  const Tokenizer demo = Tokenizer::load(kDemo);
  const Tokenizer tokenizer = Tokenizer::load(kData / "tokenizer.json");
  using Ids = std::vector<std::int32_t>;
  for (const Json& sample : samples) {
    const auto text = sample["text"].get<std::string>();
    EXPECT_EQ(demo.encode(text, true), sample["demo"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer.encode(text, true), sample["ignore_merges"].get<Ids>())
        << text;
  }
}

}  // namespace
}  // namespace csm::text
