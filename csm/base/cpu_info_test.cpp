#include "csm/base/cpu_info.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "csm/base/error.h"

namespace csm {
namespace {

// Sets CSM_ISA for one test.
class ScopedIsa {
 public:
  explicit ScopedIsa(const char* value) { ::setenv("CSM_ISA", value, 1); }
  ~ScopedIsa() { ::unsetenv("CSM_ISA"); }
};

TEST(CpuInfo, ScalarComesFirstAndTheActiveOneIsTheLast) {
  const auto isas = available_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::kScalar);
  if (std::getenv("CSM_ISA") == nullptr) {
    EXPECT_EQ(active_isa(), isas.back());
  }
}

#if defined(__linux__) && defined(__x86_64__)
TEST(CpuInfo, AgreesWithTheKernelsFlags) {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line) && line.rfind("flags", 0) != 0) {
  }
  const auto isas = available_isas();
  const bool found =
      std::find(isas.begin(), isas.end(), Isa::kAvx2) != isas.end();
  EXPECT_EQ(found, (line + " ").find(" avx2 ") != std::string::npos);
  EXPECT_EQ(isas.back() == Isa::kAvx512Vnni,
            (line + " ").find(" avx512_vnni ") != std::string::npos);
}
#endif

TEST(CpuInfo, EnvironmentPinsAnIsa) {
  const ScopedIsa pin("scalar");
  EXPECT_EQ(active_isa(), Isa::kScalar);
}

TEST(CpuInfo, UnknownOrAbsentIsaThrows) {
  {
    const ScopedIsa pin("sse9");
    EXPECT_THROW((void)active_isa(), Error);
  }
  const ScopedIsa pin(
#if defined(__x86_64__)
      "neon"
#else
      "avx2"
#endif
  );
  try {
    (void)active_isa();
    FAIL() << "no throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

TEST(CpuInfo, NamesRoundTrip) {
  for (const Isa isa : available_isas()) {
    EXPECT_EQ(parse_isa(to_string(isa)), isa);
  }
  EXPECT_GE(usable_cpus(), 1);
}

}  // namespace
}  // namespace csm
