#include "csm/base/sha256.h"

#include <gtest/gtest.h>

#include <string>

namespace csm {
namespace {

std::string digest(const std::string& text) {
  return sha256_hex(std::as_bytes(std::span(text)));
}

// Vectors of FIPS 180-4's examples and of NIST's CAVP long-message set.
TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(digest(""),
            "e3b0c44298fc1c149afbf4c8996fb924"
            "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039"
            "a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67"
            "f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace csm
