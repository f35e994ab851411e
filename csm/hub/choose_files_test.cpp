#include "csm/hub/choose_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csm/base/error.h"

namespace csm::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string message(const std::vector<std::string>& names,
                    const std::string& file, ErrorCode code) {
  try {
    (void)choose_files(names, file, "a/b");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "nothing thrown";
}

// The files of sesame/csm-1b: Hugging Face's layout, not the original one.
TEST(ChooseFiles, BothLayouts) {
  const auto choice = choose_files(
      {"README.md", "chat_template.jinja", "ckpt.pt", "config.json",
       "generation_config.json", "model.safetensors",
       "preprocessor_config.json", "prompts/conversational_a.wav",
       "tokenizer.json", "transformers-00001-of-00002.safetensors",
       "transformers-00002-of-00002.safetensors",
       "transformers.safetensors.index.json"},
      "", "a/b");
  EXPECT_EQ(choice.weights, "transformers.safetensors.index.json");
  EXPECT_TRUE(choice.is_index);
  EXPECT_TRUE(choice.is_usual);
  EXPECT_THAT(
      choice.others,
      ElementsAre("config.json", "generation_config.json", "tokenizer.json"));
}

TEST(ChooseFiles, OneFileOfWeights) {
  EXPECT_EQ(choose_files({"ckpt.safetensors", "sub/x.safetensors"}, "", "a/b")
                .weights,
            "ckpt.safetensors");
  const auto gguf = choose_files({"model.gguf"}, "", "a/b");
  EXPECT_EQ(gguf.weights, "model.gguf");
  EXPECT_FALSE(gguf.is_index);
  EXPECT_FALSE(gguf.is_usual);
  EXPECT_THAT(gguf.others, IsEmpty());
}

TEST(ChooseFiles, TheOneThatIsAskedFor) {
  const std::vector<std::string> names = {"csm-f16.gguf", "csm-q8_0.gguf",
                                          "q4/csm.gguf"};
  EXPECT_THAT(message(names, "", ErrorCode::kInvalidArgument),
              HasSubstr("csm-f16.gguf, csm-q8_0.gguf (a/b)"));
  EXPECT_EQ(choose_files(names, "q4/csm.gguf", "a/b").weights, "q4/csm.gguf");
  EXPECT_THAT(message(names, "csm-q4.gguf", ErrorCode::kNotFound),
              HasSubstr("csm-q4.gguf"));
}

TEST(ChooseFiles, NoneThatCsmReads) {
  EXPECT_THAT(message({"README.md", "ckpt.pt", "pytorch_model.bin"}, "",
                      ErrorCode::kNotFound),
              HasSubstr("found none"));
}

TEST(ChooseFiles, ShardsOfAnIndex) {
  EXPECT_THAT(shards_of(R"({"weight_map": {"x": "b.safetensors",
                            "y": "a.safetensors", "z": "b.safetensors"}})",
                        "index"),
              ElementsAre("a.safetensors", "b.safetensors"));
  for (const char* text :
       {"", "[]", "{}", R"({"weight_map": []})", R"({"weight_map": {"x": 1}})",
        R"({"weight_map": {"x": "../a"}})", R"({"weight_map": {"x": "/a"}})",
        R"({"weight_map": {"x": "a/b"}})", R"({"weight_map": {"x": ""}})"}) {
    EXPECT_THROW((void)shards_of(text, "index"), Error) << text;
  }
}

}  // namespace
}  // namespace csm::hub
