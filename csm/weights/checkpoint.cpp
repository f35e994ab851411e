#include "csm/weights/checkpoint.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexSuffix = ".safetensors.index.json";
constexpr std::string_view kFileSuffix = ".safetensors";
constexpr std::size_t kMaxShards = 1000;
constexpr std::array<const char*, 3> kNames = {
    "transformers.safetensors.index.json", "model.safetensors",
    "model.safetensors.index.json"};

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const fs::path& where) {
  throw Error(
      code, str_cat("[weights.checkpoint] ", what, " (", where.string(), ")"));
}

// The file to open for a folder or a file.
fs::path resolve(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    fail(ErrorCode::kNotFound, "expected a model folder or file, got nothing",
         path);
  }
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : kNames) {
    // A dangling link counts: it must fail, not give way to another file.
    if (fs::exists(fs::symlink_status(path / name, ignored))) {
      return path / name;
    }
  }
  fail(ErrorCode::kNotFound,
       str_cat("expected ", kNames[1], " or a ", kIndexSuffix,
               " file in the folder, got neither"),
       path);
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

Checkpoint Checkpoint::open(const fs::path& path) {
  Checkpoint checkpoint(resolve(path));
  const std::string name = checkpoint.path_.filename().string();
  if (name.ends_with(kIndexSuffix)) {
    checkpoint.add_shards();
  } else if (name.ends_with(kFileSuffix)) {
    checkpoint.add(checkpoint.path_);
  } else {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a file ending in ", kFileSuffix, " or ",
                 kIndexSuffix),
         checkpoint.path_);
  }
  return checkpoint;
}

void Checkpoint::add(const fs::path& file) {
  const auto opened = std::make_shared<const SafetensorsFile>(file);
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

}  // namespace csm::weights
