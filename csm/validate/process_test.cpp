#include "csm/validate/process.h"

#include <gtest/gtest.h>

#include "csm/base/error.h"

namespace csm::validate {
namespace {

TEST(RunProcess, GivesStatusAndLastLineOfStderr) {
  const auto result = run_process(
      "sh", {"-c", "echo out; echo first >&2; echo last >&2; exit 3"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.last_error, "last");
}

TEST(RunProcess, NoShellReadsTheArguments) {
  const auto result = run_process("sh", {"-c", "echo \"$0\" >&2", "a b;c"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.last_error, "a b;c");
}

TEST(RunProcess, AProgramThatIsNotThere) {
  try {
    (void)run_process("csm-no-such-program", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("csm-no-such-program"),
              std::string::npos);
  }
}

TEST(RunProcess, AKilledProgramHasItsSignal) {
  EXPECT_EQ(run_process("sh", {"-c", "kill -9 $$"}).exit_status, 137);
}

TEST(TempFolder, IsRemoved) {
  std::filesystem::path path;
  {
    const TempFolder folder;
    path = folder.path();
    EXPECT_TRUE(std::filesystem::is_directory(path));
    std::filesystem::create_directory(path / "inner");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace csm::validate
