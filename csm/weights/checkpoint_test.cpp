#include "csm/weights/checkpoint.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::safetensors_bytes;
using testing_support::ScratchFolder;
using testing_support::write_file;
using testing_support::fs::create_directory;
using testing_support::fs::create_symlink;

constexpr const char* kIndex = "model.safetensors.index.json";

// Two shards with the tensors a and b, and their index.
void write_shards(const ScratchFolder& folder) {
  write_file(folder / "one.safetensors",
             safetensors_bytes({{"a", "F32", {2}, {}}}));
  write_file(folder / "two.safetensors",
             safetensors_bytes({{"b", "BF16", {3}, {}}}));
  write_file(folder / kIndex,
             R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
}

TEST(Checkpoint, SingleFileByFolderOrName) {
  const ScratchFolder folder;
  write_file(folder / "model.safetensors",
             safetensors_bytes({{"a", "F32", {2}, {}}}));
  for (const auto& path : {folder.path(), folder / "model.safetensors"}) {
    const Checkpoint checkpoint = Checkpoint::open(path);
    EXPECT_EQ(checkpoint.tensors().size(), 1U);
    ASSERT_NE(checkpoint.find("a"), nullptr);
    EXPECT_EQ(checkpoint.find("a")->view.bytes.size(), 8U);
    EXPECT_EQ(checkpoint.find("b"), nullptr);
    EXPECT_EQ(checkpoint.path(), folder / "model.safetensors");
  }
}

TEST(Checkpoint, ShardsAreJoined) {
  const ScratchFolder folder;
  write_shards(folder);
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.tensors().size(), 2U);
  EXPECT_EQ(checkpoint.find("b")->file, folder / "two.safetensors");
}

TEST(Checkpoint, TransformersIndexComesFirst) {
  const ScratchFolder folder;
  write_shards(folder);
  write_file(folder / "model.safetensors",
             safetensors_bytes({{"original", "F32", {2}, {}}}));
  EXPECT_NE(Checkpoint::open(folder.path()).find("original"), nullptr);
  std::filesystem::rename(folder / kIndex,
                          folder / "transformers.safetensors.index.json");
  EXPECT_EQ(Checkpoint::open(folder.path()).find("original"), nullptr);
}

TEST(Checkpoint, WrongPaths) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kNotFound, {"model.safetensors", "got none"},
               [&] { (void)Checkpoint::open(folder.path()); });
  expect_error(ErrorCode::kNotFound, {"got nothing", "absent"},
               [&] { (void)Checkpoint::open(folder / "absent"); });
  write_file(folder / "model.npz", "PK");
  expect_error(ErrorCode::kUnsupported, {"model.npz"},
               [&] { (void)Checkpoint::open(folder / "model.npz"); });
  write_file(folder / "ckpt.pt", "PK");
  expect_error(ErrorCode::kUnsupported, {"ckpt.pt alone, a pickle"},
               [&] { (void)Checkpoint::open(folder.path()); });
  for (const char* name : {"b.gguf", "a.gguf"}) write_file(folder / name, "x");
  expect_error(ErrorCode::kInvalidArgument, {"a.gguf and b.gguf"},
               [&] { (void)Checkpoint::open(folder.path()); });
  std::filesystem::remove(folder / "b.gguf");
  expect_error(ErrorCode::kCorrupt, {"a.gguf"},
               [&] { (void)Checkpoint::open(folder.path()); });
}

// csm-1b's repository: both layouts side by side.
TEST(Checkpoint, LayoutChoosesAmongTheFilesOfAFolder) {
  const ScratchFolder folder;
  const auto write = [&](const char* file, const char* tensor) {
    write_file(folder / file,
               safetensors_bytes({{tensor, "F32", {1}, std::string()}}));
  };
  write("model.safetensors", "text_embeddings.weight");
  write("transformers-00001-of-00001.safetensors", "embed_text_tokens.weight");
  write_file(folder / "transformers.safetensors.index.json",
             R"({"weight_map": {"embed_text_tokens.weight":
                "transformers-00001-of-00001.safetensors"}})");
  const auto open = [&](std::optional<Layout> layout) {
    return Checkpoint::open(folder.path(), layout);
  };
  EXPECT_EQ(open(std::nullopt).layout(), Layout::kHuggingFace);
  EXPECT_EQ(open(Layout::kOriginal).path(), folder / "model.safetensors");
  EXPECT_EQ(open(Layout::kHuggingFace).path().filename(),
            "transformers.safetensors.index.json");
  // Of none of that layout the usual one, and it counts as that.
  EXPECT_EQ(open(Layout::kMlx).layout(), Layout::kMlx);
  EXPECT_EQ(
      Checkpoint::open(folder / "model.safetensors", Layout::kMlx).layout(),
      Layout::kMlx);
  EXPECT_EQ(open(std::nullopt).files().size(), 1U);
}

// A change to the folder of write_shards, and what it must lead to.
struct BadIndex {
  std::string name;
  ErrorCode code;
  std::vector<std::string> parts;
  std::function<void(const ScratchFolder&)> change;
};

void PrintTo(const BadIndex& bad, std::ostream* out) { *out << bad.name; }

std::function<void(const ScratchFolder&)> index_text(std::string text) {
  return [text](const ScratchFolder& f) { write_file(f / kIndex, text); };
}

std::function<void(const ScratchFolder&)> map_b_to(const std::string& shard) {
  return index_text(R"({"weight_map":{"a":"one.safetensors","b":)" + shard +
                    "}}");
}

constexpr auto kCorrupt = ErrorCode::kCorrupt;
constexpr auto kNotFound = ErrorCode::kNotFound;

std::vector<BadIndex> bad_index_texts() {
  return {
      {"empty", kCorrupt, {kIndex}, index_text("")},
      {"not_json", kCorrupt, {kIndex, "JSON"}, index_text("{weight_map")},
      {"array", kCorrupt, {kIndex}, index_text("[]")},
      {"no_map", kCorrupt, {"'weight_map'"}, index_text("{}")},
      {"map_text", kCorrupt, {"weight_map"}, index_text(R"({"weight_map":1})")},
      {"map_empty", kCorrupt, {"got 0"}, index_text(R"({"weight_map":{}})")},
      {"twice",
       kCorrupt,
       {"'a' twice"},
       index_text(R"({"weight_map":{"a":"one.safetensors",)"
                  R"("a":"two.safetensors"}})")},
      {"shard_number", kCorrupt, {"for b"}, map_b_to("7")},
      {"shard_null", kCorrupt, {"for b"}, map_b_to("null")},
      {"shard_empty", kCorrupt, {"plain file name"}, map_b_to("\"\"")},
      {"parent",
       kCorrupt,
       {"plain file name", "'../two.safetensors'"},
       map_b_to("\"../two.safetensors\"")},
      {"absolute",
       kCorrupt,
       {"plain file name"},
       map_b_to("\"/etc/two.safetensors\"")},
      {"backslash",
       kCorrupt,
       {"plain file name"},
       map_b_to(R"("..\\two.safetensors")")},
      {"dots", kCorrupt, {"plain file name"}, map_b_to("\"..safetensors\"")},
      {"newline",
       kCorrupt,
       {"plain file name"},
       map_b_to(R"("two\n.safetensors")")},
      {"nul",
       kCorrupt,
       {"plain file name"},
       map_b_to(R"("two\u0000.safetensors")")},
      {"itself",
       kCorrupt,
       {"plain file name"},
       map_b_to("\"model.safetensors.index.json\"")},
      {"pickle", kCorrupt, {"plain file name"}, map_b_to("\"ckpt.pt\"")},
      {"absent",
       kNotFound,
       {"three.safetensors"},
       map_b_to("\"three.safetensors\"")},
      {"other_shard",
       kCorrupt,
       {"tensor a", "one.safetensors", "two"},
       index_text(R"({"weight_map":{"a":"two.safetensors",)"
                  R"("b":"one.safetensors"}})")},
      {"absent_tensor",
       kCorrupt,
       {"tensor c", "two.safetensors", "got nothing"},
       index_text(R"({"weight_map":{"a":"one.safetensors",)"
                  R"("c":"two.safetensors"}})")},
  };
}

std::vector<BadIndex> bad_shards() {
  return {
      {"truncated",
       kCorrupt,
       {"two.safetensors"},
       [](const ScratchFolder& f) {
         std::filesystem::resize_file(f / "two.safetensors", 20);
       }},
      {"emptied",
       kCorrupt,
       {"two.safetensors"},
       [](const ScratchFolder& f) {
         std::filesystem::resize_file(f / "two.safetensors", 0);
       }},
      {"extra_tensor",
       kCorrupt,
       {"tensor extra", "two.safetensors"},
       [](const ScratchFolder& f) {
         write_file(f / "two.safetensors",
                    safetensors_bytes(
                        {{"b", "BF16", {3}, {}}, {"extra", "F32", {1}, {}}}));
       }},
      {"in_two",
       kCorrupt,
       {"tensor a", "one.safetensors", "two.safetensors"},
       [](const ScratchFolder& f) {
         write_file(f / "two.safetensors",
                    safetensors_bytes(
                        {{"a", "F32", {2}, {}}, {"b", "BF16", {3}, {}}}));
       }},
      {"link_loop",
       kNotFound,
       {"two.safetensors"},
       [](const ScratchFolder& f) {
         std::filesystem::remove(f / "two.safetensors");
         create_symlink("three.safetensors", f / "two.safetensors");
         create_symlink("two.safetensors", f / "three.safetensors");
       }},
      {"index_link_loop",
       kNotFound,
       {"transformers.safetensors.index.json"},
       [](const ScratchFolder& f) {
         create_symlink("transformers.safetensors.index.json",
                        f / "transformers.safetensors.index.json");
       }},
      {"shard_is_folder",
       ErrorCode::kInvalidArgument,
       {"two.safetensors"},
       [](const ScratchFolder& f) {
         std::filesystem::remove(f / "two.safetensors");
         create_directory(f / "two.safetensors");
       }},
  };
}

class BadShards : public testing::TestWithParam<BadIndex> {};

TEST_P(BadShards, GiveAOneLineError) {
  const ScratchFolder folder;
  write_shards(folder);
  GetParam().change(folder);
  expect_error(GetParam().code, GetParam().parts,
               [&] { (void)Checkpoint::open(folder.path()); });
}

std::string name_of(const testing::TestParamInfo<BadIndex>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Index, BadShards, testing::ValuesIn(bad_index_texts()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Files, BadShards, testing::ValuesIn(bad_shards()),
                         name_of);

}  // namespace
}  // namespace csm::weights
