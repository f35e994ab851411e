#include "csm/engine/voice_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/weights/weights_testing.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using weights::testing_support::ScratchFolder;
using weights::testing_support::write_file;

class VoiceLibraryTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_ / "model"); }

  [[nodiscard]] fs::path in_model(const std::string& file) const {
    return folder_ / "model" / file;
  }
  [[nodiscard]] fs::path in_user(const std::string& file) const {
    return folder_ / "user" / file;
  }
  [[nodiscard]] VoiceLibrary library() const {
    return {folder_ / "model", folder_ / "user"};
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : library().list()) {
      out.push_back(entry.name + (entry.is_users ? " user" : " model"));
    }
    return out;
  }
  template <class Action>
  static std::string refusal(ErrorCode code, Action&& action) {
    try {
      (void)action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return "accepted";
  }

  ScratchFolder folder_;
};

TEST(VoiceName, SafeFileNamesOnly) {
  for (const char* name : {"a", "Anna", "anna-2", "a.b_c", "0", "_x"}) {
    EXPECT_TRUE(is_voice_name(name)) << name;
  }
  EXPECT_TRUE(is_voice_name(std::string(64, 'a')));
  for (const char* name :
       {"", ".", "..", ".hidden", "-x", "a/b", "../a", "/etc/passwd", "a b",
        "a\\b", "a\n", "a\x7f", "\xC3\xA4", "a:b", "a*", "x.csmvoice"}) {
    EXPECT_FALSE(is_voice_name(name)) << name;
  }
  EXPECT_FALSE(is_voice_name(std::string(65, 'a')));
  EXPECT_FALSE(is_voice_name(std::string("a\0b", 3)));
}

TEST_F(VoiceLibraryTest, ListsWhatIsAVoicePack) {
  EXPECT_TRUE(names().empty());
  write_file(in_model("woman.csmvoice"), "x");
  write_file(in_model("README.md"), "x");
  write_file(in_model(".b.csmvoice"), "x");
  fs::create_directories(in_model("folder.csmvoice"));
  write_file(library().place_for("man", false), "x");
  write_file(library().place_for("woman", false), "x");
  EXPECT_THAT(names(), ElementsAre("man user", "woman user", "woman model"));
}

TEST_F(VoiceLibraryTest, TheUsersVoiceComesFirst) {
  write_file(in_model("anna.csmvoice"), "x");
  EXPECT_EQ(library().find("anna").path, in_model("anna.csmvoice"));
  write_file(library().place_for("anna", false), "x");
  EXPECT_EQ(library().find("anna").path, in_user("anna.csmvoice"));
  EXPECT_TRUE(library().find("anna").is_users);
}

TEST_F(VoiceLibraryTest, MissingNamesWhatThereIs) {
  const auto find = [&] { return library().find("bob"); };
  EXPECT_THAT(refusal(ErrorCode::kNotFound, find), HasSubstr("none"));
  write_file(in_model("anna.csmvoice"), "x");
  write_file(in_model("eve.csmvoice"), "x");
  EXPECT_THAT(refusal(ErrorCode::kNotFound, find), HasSubstr("anna, eve"));
  EXPECT_THAT(refusal(ErrorCode::kInvalidArgument,
                      [&] { return library().find("../model/anna"); }),
              HasSubstr("'../model/anna'"));
}

TEST_F(VoiceLibraryTest, WritingTidiesTheUsersFolderOnly) {
  const auto half = [&](const fs::path& path) {
    fs::create_directories(path.parent_path());
    write_file(path, "x");
    return path;
  };
  const fs::path in_models = half(in_model(".a.csmvoice.part-123456"));
  const fs::path other = half(in_user(".a.wav.part-123456"));
  const std::string name = ".a.csmvoice.part-abcdef";
  half(in_user(name));
  const fs::path anna = library().place_for("anna", false);
  EXPECT_FALSE(fs::exists(in_user(name)));
  write_file(anna, "x");
  half(in_user(name));
  (void)library().remove("anna");
  EXPECT_FALSE(fs::exists(in_user(name)));
  half(in_user(name));
  EXPECT_EQ(library().tidy(), 1);
  EXPECT_TRUE(fs::exists(in_models));
  EXPECT_TRUE(fs::exists(other));
  EXPECT_EQ(VoiceLibrary(folder_ / "model", std::nullopt).tidy(), 0);
}

TEST_F(VoiceLibraryTest, TakenNamesNeedReplacing) {
  const fs::path path = library().place_for("anna", false);
  EXPECT_EQ(path, in_user("anna.csmvoice"));
  write_file(path, "x");
  EXPECT_THAT(refusal(ErrorCode::kInvalidArgument,
                      [&] { return library().place_for("anna", false); }),
              HasSubstr("taken"));
  EXPECT_EQ(library().place_for("anna", true), path);
  // A link to nowhere is taken, too.
  fs::create_symlink(folder_ / "nowhere", in_user("link.csmvoice"));
  EXPECT_THROW((void)library().place_for("link", false), Error);
  EXPECT_THROW((void)library().place_for("a/b", true), Error);
}

TEST_F(VoiceLibraryTest, WithoutAUserOnlyTheModelsVoices) {
  const VoiceLibrary alone(folder_ / "model", std::nullopt);
  write_file(in_model("anna.csmvoice"), "x");
  EXPECT_EQ(alone.find("anna").path, in_model("anna.csmvoice"));
  EXPECT_THAT(refusal(ErrorCode::kNotFound,
                      [&] { return alone.place_for("bob", false); }),
              HasSubstr("CSM_VOICES"));
}

TEST_F(VoiceLibraryTest, RemovesTheUsersOnly) {
  write_file(in_model("anna.csmvoice"), "x");
  write_file(library().place_for("anna", false), "x");
  EXPECT_EQ(library().remove("anna"), in_user("anna.csmvoice"));
  EXPECT_FALSE(fs::exists(in_user("anna.csmvoice")));
  EXPECT_THAT(refusal(ErrorCode::kInvalidArgument,
                      [&] { return library().remove("anna"); }),
              HasSubstr("of the model"));
  EXPECT_TRUE(fs::exists(in_model("anna.csmvoice")));
}

}  // namespace
}  // namespace csm::engine
