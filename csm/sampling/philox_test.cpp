#include "csm/sampling/philox.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace csm::sampling {
namespace {

using Words = std::array<std::uint32_t, 4>;

struct KnownAnswer {
  Words counter;
  std::array<std::uint32_t, 2> key;
  Words output;
};

// The known-answer vectors of philox4x32-10 published with Random123.
constexpr std::array<KnownAnswer, 3> kKnownAnswers = {
    {{{0, 0, 0, 0},
      {0, 0},
      {0x6627E8D5U, 0xE169C58DU, 0xBC57AC4CU, 0x9B00DBD8U}},
     {{0xFFFFFFFFU, 0xFFFFFFFFU, 0xFFFFFFFFU, 0xFFFFFFFFU},
      {0xFFFFFFFFU, 0xFFFFFFFFU},
      {0x408F276DU, 0x41C83B0EU, 0xA20BC7C6U, 0x6D5451FDU}},
     {{0x243F6A88U, 0x85A308D3U, 0x13198A2EU, 0x03707344U},
      {0xA4093822U, 0x299F31D0U},
      {0xD16CFE09U, 0x94FDCCEBU, 0x5001E420U, 0x24126EA1U}}}};

TEST(Philox4x32, KnownAnswers_Match) {
  for (const KnownAnswer& known : kKnownAnswers) {
    EXPECT_EQ(philox4x32(known.counter, known.key), known.output);
  }
}

}  // namespace
}  // namespace csm::sampling
