#include "csm/base/digest.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace csm {
namespace {

std::string digest(Digest::Kind kind,
                   std::initializer_list<std::string_view> pieces) {
  Digest digest(kind);
  for (const std::string_view piece : pieces) {
    digest.add(std::as_bytes(std::span(piece.data(), piece.size())));
  }
  return digest.hex();
}

// FIPS 180's examples.
TEST(Digest, PublishedValues) {
  EXPECT_EQ(digest(Digest::Kind::kSha1, {"abc"}),
            "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest(Digest::Kind::kSha1, {}),
            "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(digest(Digest::Kind::kSha256, {"abc"}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, PiecesCountAsOne) {
  EXPECT_EQ(digest(Digest::Kind::kSha1, {"a", "", "bc"}),
            digest(Digest::Kind::kSha1, {"abc"}));
}

// git hash-object of a file that holds "hello\n".
TEST(Digest, GitNamesABlob) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(digest(Digest::Kind::kSha1, {"blob 6\0"sv, "hello\n"}),
            "ce013625030ba8dba906f756967f9e9ca394464a");
}

}  // namespace
}  // namespace csm
