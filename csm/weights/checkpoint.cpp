#include "csm/weights/checkpoint.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/gguf_file.h"
#include "csm/weights/safetensors.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexSuffix = ".safetensors.index.json";
constexpr std::string_view kFileSuffix = ".safetensors";
constexpr std::size_t kMaxShards = 1000;
constexpr std::string_view kGgufSuffix = ".gguf";
constexpr std::array<const char*, 4> kNames = {
    "transformers.safetensors.index.json", "model.safetensors",
    "model.safetensors.index.json", "ckpt.safetensors"};
constexpr std::array<const char*, 3> kPickles = {
    "ckpt.pt", "pytorch_model.bin", "pytorch_model.bin.index.json"};

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const fs::path& where) {
  throw Error(
      code, str_cat("[weights.checkpoint] ", what, " (", where.string(), ")"));
}

std::vector<fs::path> gguf_files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const fs::path& path = entry.path();
    if (path.filename().string().ends_with(kGgufSuffix)) out.push_back(path);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The files that a folder may mean, the best first.
std::vector<fs::path> candidates(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> out;
  for (const char* name : kNames) {
    // A dangling link counts: it must fail, not give way to another file.
    if (fs::exists(fs::symlink_status(folder / name, ignored))) {
      out.push_back(folder / name);
    }
  }
  const auto gguf = gguf_files(folder);
  if (out.empty() && gguf.size() > 1) {
    fail(ErrorCode::kInvalidArgument,
         str_cat("expected one ", kGgufSuffix,
                 " file in the folder or the path of one, got ",
                 gguf[0].filename().string(), " and ",
                 gguf[1].filename().string()),
         folder);
  }
  out.insert(out.end(), gguf.begin(), gguf.end());
  if (!out.empty()) return out;
  for (const char* name : kPickles) {
    if (!fs::exists(folder / name, ignored)) continue;
    fail(ErrorCode::kUnsupported,
         str_cat("expected ", kNames[1],
                 " or another file of safetensors or "
                 "GGUF, got ",
                 name, " alone, a pickle, which can run code"),
         folder);
  }
  fail(ErrorCode::kNotFound,
       str_cat("expected ", kNames[1], ", a ", kIndexSuffix, " or a ",
               kGgufSuffix, " file in the folder, got none"),
       folder);
}

std::shared_ptr<const TensorFile> open_tensor_file(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name.ends_with(kGgufSuffix)) {
    return std::make_shared<const GgufFile>(file);
  }
  return std::make_shared<const SafetensorsFile>(file);
}

// A shard must lie beside its index: a plain name, no path, no index.
void check_shard_name(const std::string& name, const fs::path& index) {
  const bool plain = name.find_first_of("/\\") == std::string::npos &&
                     std::all_of(name.begin(), name.end(),
                                 [](char c) { return c >= ' ' && c <= '~'; }) &&
                     name.size() > kFileSuffix.size() && name.size() < 256 &&
                     name.front() != '.' && name.ends_with(kFileSuffix);
  if (!plain) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a plain file name ending in ", kFileSuffix,
                 " in field 'weight_map', got '", printable(name), "'"),
         index);
  }
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& path,
                            std::optional<Layout> layout) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    fail(ErrorCode::kNotFound, "expected a model folder or file, got nothing",
         path);
  }
  if (!fs::is_directory(path, ignored)) {
    Checkpoint checkpoint = open_file(path);
    if (layout) checkpoint.layout_ = *layout;
    return checkpoint;
  }
  const std::vector<fs::path> files = candidates(path);
  for (std::size_t i = 0; layout && i < files.size(); ++i) {
    Checkpoint checkpoint = open_file(files[i]);
    if (checkpoint.layout_ == *layout) return checkpoint;
  }
  Checkpoint checkpoint = open_file(files.front());
  if (layout) checkpoint.layout_ = *layout;
  return checkpoint;
}

Checkpoint Checkpoint::open_file(const fs::path& path) {
  Checkpoint checkpoint(path);
  const std::string name = path.filename().string();
  if (name.ends_with(kIndexSuffix)) {
    checkpoint.add_shards();
  } else if (name.ends_with(kFileSuffix) || name.ends_with(kGgufSuffix)) {
    checkpoint.add(path);
  } else {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a file ending in ", kFileSuffix, ", ", kIndexSuffix,
                 " or ", kGgufSuffix),
         path);
  }
  checkpoint.layout_ = detect_layout([&](std::string_view tensor) {
    return checkpoint.find(tensor) != nullptr;
  });
  return checkpoint;
}

void Checkpoint::add(const fs::path& file) {
  const auto opened = open_tensor_file(file);
  for (const TensorView& view : opened->tensors()) {
    const auto release = [raw =
                              opened.get()](std::span<const std::byte> range) {
      raw->release(range);
    };
    const auto [it, is_new] =
        tensors_.emplace(view.name, SourceTensor{view, file.string(), release});
    if (!is_new) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected tensor ", printable(view.name),
                   " in one file, got it in ", it->second.file, " too"),
           file);
    }
  }
  files_.push_back(opened);
}

void Checkpoint::add_shards() {
  const Json json = parse_json_file(path_);
  const JsonObject index(json, path_.string());
  const JsonObject map = index.object("weight_map");
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map.value().items()) {
    if (!shard.is_string()) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected a file name for ", printable(tensor),
                   " in field 'weight_map'"),
           path_);
    }
    check_shard_name(shard.get_ref<const std::string&>(), path_);
    shards.insert(shard.get<std::string>());
  }
  if (shards.empty() || shards.size() > kMaxShards) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected 1 to ", kMaxShards,
                 " shards in field 'weight_map', got ", shards.size()),
         path_);
  }
  for (const std::string& shard : shards) add(path_.parent_path() / shard);

  for (const auto& [tensor, shard] : map.value().items()) {
    const SourceTensor* found = find(tensor);
    const fs::path file =
        path_.parent_path() / shard.get_ref<const std::string&>();
    if (found == nullptr || found->file != file.string()) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected tensor ", printable(tensor), " in ",
                   file.filename().string(), ", got ",
                   found == nullptr ? "nothing" : "it in " + found->file),
           path_);
    }
  }
  for (const auto& [name, tensor] : tensors_) {
    if (!map.value().contains(name)) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected tensor ", printable(name), " of ", tensor.file,
                   " in field 'weight_map', got nothing"),
           path_);
    }
  }
}

const SourceTensor* Checkpoint::find(std::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

std::set<fs::path> Checkpoint::files() const {
  std::set<fs::path> out;
  for (const auto& file : files_) out.insert(file->path());
  return out;
}

std::optional<Json> Checkpoint::config() const {
  return files_.empty() ? std::nullopt : files_.front()->config();
}

std::optional<Json> Checkpoint::tokenizer() const {
  return files_.empty() ? std::nullopt : files_.front()->tokenizer();
}

}  // namespace csm::weights
