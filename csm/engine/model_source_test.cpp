// The demo model's tensors under other names, in other files, and with files
// missing: the same speech, or an error that says what to do.
// tools/layouts has the layouts that other programs write.

#include "csm/engine/model_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/scratch_folder_testing.h"
#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"
#include "csm/weights/safetensors_writer.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

using csm::testing_support::ScratchFolder;
using testing::AllOf;
using testing::HasSubstr;
using weights::Layout;
using weights::SourceTensor;

const fs::path kDemo = fs::path(CSM_SOURCE_DIR) / "models/demo";
constexpr std::size_t kBackboneHead = 64;  // of the demo model
constexpr std::size_t kDepthHead = 32;

using Bytes = std::vector<std::byte>;

// Rows j and j + head / 2 of a head become 2j and 2j + 1.
Bytes interleaved(const SourceTensor& tensor, std::size_t head) {
  const auto& bytes = tensor.view.bytes;
  const auto n_rows = static_cast<std::size_t>(tensor.view.shape[0]);
  const std::size_t row_bytes = bytes.size() / n_rows;
  Bytes out;
  for (std::size_t row = 0; row < n_rows; ++row) {
    const std::size_t in_head = row % head;
    const std::size_t from =
        row - in_head + in_head / 2 + in_head % 2 * (head / 2);
    const auto source = bytes.subspan(from * row_bytes, row_bytes);
    out.insert(out.end(), source.begin(), source.end());
  }
  return out;
}

Bytes plain(const SourceTensor& tensor) {
  return {tensor.view.bytes.begin(), tensor.view.bytes.end()};
}

// The name that a tensor gets, or nothing to leave it out.
using Rename =
    std::function<std::optional<std::string>(const std::string& canonical)>;

// Writes the demo model's tensors; those of q and k in pairs if wanted.
void write_tensors(const fs::path& path, const Rename& rename, bool pairs) {
  const auto demo = weights::Checkpoint::open(kDemo);
  std::vector<weights::TensorPlan> plans;
  std::vector<Bytes> data;
  for (const auto& [name, tensor] : demo.tensors()) {
    const auto canonical =
        weights::canonical_name(Layout::kHuggingFace, name).value();
    const auto new_name = rename(canonical);
    if (!new_name) continue;
    plans.push_back({*new_name, tensor.view.dtype, tensor.view.shape});
    const bool turned =
        pairs && (canonical.ends_with(".q") || canonical.ends_with(".k"));
    data.push_back(turned ? interleaved(tensor, canonical.starts_with("bb.")
                                                    ? kBackboneHead
                                                    : kDepthHead)
                          : plain(tensor));
  }
  weights::SafetensorsWriter writer(path, plans, {});
  for (const Bytes& bytes : data) writer.write(bytes);
  writer.finish();
}

class ModelSourceTest : public testing::Test {
 protected:
  // The language model alone, under the names of a layout.
  void write_lm(Layout layout) const {
    write_tensors(
        folder_ / "model.safetensors",
        [&](const std::string& canonical) -> std::optional<std::string> {
          if (weights::is_codec(canonical)) return std::nullopt;
          return weights::source_name(
              layout, canonical == "dd.audio_emb" ? "audio_emb" : canonical);
        },
        layout == Layout::kOriginal || layout == Layout::kMlx);
  }
  static void write_mimi(const fs::path& path) {
    write_tensors(
        path,
        [](const std::string& canonical) {
          return weights::is_codec(canonical)
                     ? weights::source_name(Layout::kMimi, canonical)
                     : std::nullopt;
        },
        false);
  }
  void copy(const char* name) const {
    fs::copy_file(kDemo / name, folder_ / name);
  }
  void link(const char* name) const {
    fs::create_symlink(kDemo / name, folder_ / name);
  }
  [[nodiscard]] ModelFiles files() const { return {.model = folder_.path()}; }

  ScratchFolder folder_;
};

std::vector<std::int32_t> spoken(const ModelFiles& files) {
  EngineOptions options;
  options.model_dir = files.model;
  options.layout = files.layout;
  options.mimi_path = files.mimi;
  options.tokenizer_path = files.tokenizer;
  options.threads = 1;
  Engine engine(options);
  Session session = engine.start({.speaker = 0, .text = "Good day."},
                                 {.seed = 7, .max_audio_ms = 800});
  return testing_engine::speak_all(session).codes;
}

std::string error_of(const ModelFiles& files) {
  try {
    (void)open_files(files);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(ModelSourceTest, EveryLayoutSpeaksTheSame) {
  const auto want = spoken({.model = kDemo});
  EXPECT_FALSE(want.empty());
  EXPECT_EQ(spoken({.model = kDemo / "model.safetensors"}), want);
  copy("config.json");
  copy("tokenizer.json");
  write_mimi(folder_ / "mimi.safetensors");
  for (const Layout layout :
       {Layout::kHuggingFace, Layout::kOriginal, Layout::kMlx}) {
    write_lm(layout);
    EXPECT_EQ(spoken(files()), want) << weights::to_string(layout);
    EXPECT_EQ(files_of(files()).size(), 4U);
  }
}

TEST_F(ModelSourceTest, FilesElsewhere) {
  const ScratchFolder other;
  copy("config.json");
  write_lm(Layout::kMlx);
  EXPECT_THAT(error_of(files()),
              AllOf(HasSubstr("--mimi"), HasSubstr("kyutai/mimi")));
  fs::create_directory(other / "mimi");
  write_mimi(other / "mimi/model.safetensors");
  ModelFiles all = files();
  all.mimi = other / "mimi";
  EXPECT_THAT(error_of(all),
              AllOf(HasSubstr("--tokenizer"), HasSubstr("Llama-3.2-1B")));
  all.tokenizer = kDemo;
  EXPECT_EQ(error_of(all), "");
  all.tokenizer = kDemo / "tokenizer.json";
  EXPECT_EQ(error_of(all), "");
  EXPECT_EQ(files_of(all).size(), 4U);

  // The codec's sizes may come with it.
  Json config = parse_json_file(folder_ / "config.json");
  const Json codec = config["codec_config"];
  config.erase("codec_config");
  std::ofstream(folder_ / "config.json") << config;
  EXPECT_THAT(error_of(all), HasSubstr("codec_config"));
  std::ofstream(other / "mimi/config.json") << codec;
  EXPECT_EQ(error_of(all), "");
}

TEST_F(ModelSourceTest, WithoutAConfiguration) {
  link("tokenizer.json");
  write_mimi(folder_ / "mimi.safetensors");
  write_lm(Layout::kHuggingFace);
  EXPECT_THAT(error_of(files()), HasSubstr("config.json"));
  // The original's is at home without; then it is csm-1b.
  write_lm(Layout::kOriginal);
  const auto store = weights::WeightStore::open({.model = folder_.path()});
  const ModelConfigs configs = read_configs(store, files());
  EXPECT_EQ(configs.model.text_vocab, 128256);
  EXPECT_TRUE(configs.model.backbone.rope.llama3);
  EXPECT_EQ(configs.codec.n_codebooks, 32);
}

TEST_F(ModelSourceTest, StoredType) {
  EXPECT_EQ(stored_weight_type({.model = kDemo}), WeightType::kF32);
  write_lm(Layout::kMlx);
  copy("config.json");
  EXPECT_EQ(stored_weight_type(files()), WeightType::kF32);
  Json config = parse_json_file(folder_ / "config.json");
  for (const auto& [bits, type] :
       {std::pair{3, WeightType::kInt4}, std::pair{6, WeightType::kInt8}}) {
    config["quantization"] = {{"bits", bits}, {"group_size", 64}};
    std::ofstream(folder_ / "config.json") << config;
    EXPECT_EQ(stored_weight_type(files()), type);
  }
  link("tokenizer.json");
  write_mimi(folder_ / "mimi.safetensors");
  EXPECT_THAT(error_of(files()), HasSubstr("got floats"));
}

}  // namespace
}  // namespace csm::engine
