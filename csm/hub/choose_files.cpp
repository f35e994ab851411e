#include "csm/hub/choose_files.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/hub/repository.h"

namespace csm::hub {
namespace {

constexpr std::string_view kIndexSuffix = ".safetensors.index.json";
constexpr std::string_view kWeights[] = {"transformers.safetensors.index.json",
                                         "model.safetensors",
                                         "model.safetensors.index.json"};
constexpr std::string_view kOthers[] = {"config.json", "generation_config.json",
                                        "tokenizer.json"};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> with_suffix(const std::vector<std::string>& names,
                                     std::string_view suffix) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (name.find('/') == std::string::npos && name.ends_with(suffix)) {
      out.push_back(name);
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t kMaxShown = 20;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxShown); ++i) {
    out += str_cat(i == 0 ? "" : ", ", printable(names[i]));
  }
  return names.size() > kMaxShown ? out + ", ..." : out;
}

std::string find_weights(const std::vector<std::string>& names,
                         const std::string& where) {
  for (const std::string_view name : kWeights) {
    if (has(names, name)) return std::string(name);
  }
  for (const std::string_view suffix : {".safetensors", ".gguf"}) {
    const auto found = with_suffix(names, suffix);
    if (found.size() == 1) return found.front();
    if (found.empty()) continue;
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[hub.files] expected the file to be named (--file, or "
                        "NAME:FILE), got several: ",
                        joined(found), " (", where, ")"));
  }
  throw Error(ErrorCode::kNotFound,
              str_cat("[hub.files] expected weights as .safetensors or .gguf, "
                      "found none (",
                      where, ")"));
}

}  // namespace

Choice choose_files(const std::vector<std::string>& names,
                    const std::string& file, const std::string& where) {
  Choice out;
  if (!file.empty() && !has(names, file)) {
    throw Error(
        ErrorCode::kNotFound,
        str_cat("[hub.files] expected a file '", printable(file),
                "', the repository has none of that name (", where, ")"));
  }
  out.weights = file.empty() ? find_weights(names, where) : file;
  out.is_usual =
      file.empty() && std::find(std::begin(kWeights), std::end(kWeights),
                                out.weights) != std::end(kWeights);
  out.is_index = out.weights.ends_with(kIndexSuffix);
  for (const std::string_view name : kOthers) {
    if (has(names, name) && out.weights != name) out.others.emplace_back(name);
  }
  return out;
}

std::vector<std::string> shards_of(const std::string& text,
                                   const std::string& origin) {
  const Json json = parse_json(text, origin);
  const JsonObject map = JsonObject(json, origin).object("weight_map");
  std::set<std::string> names;
  for (const auto& [tensor, name] : map.value().items()) {
    if (!name.is_string() || !is_safe_path(name.get<std::string>()) ||
        name.get<std::string>().find('/') != std::string::npos) {
      map.fail(tensor, "the name of a file beside it");
    }
    names.insert(name.get<std::string>());
  }
  return {names.begin(), names.end()};
}

}  // namespace csm::hub
