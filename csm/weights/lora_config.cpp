#include "csm/weights/lora_config.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr int kMaxRank = 1 << 14;
constexpr double kMaxAlpha = 1e6;
constexpr std::size_t kShown = 60;

[[noreturn]] void unsupported(const JsonObject& object, const std::string& key,
                              const std::string& expected) {
  throw Error(ErrorCode::kUnsupported,
              str_cat("[weights.lora] expected ", expected, ", got ",
                      printable(object.value().at(key).dump(), kShown), " (",
                      object.origin(), ": field '", key, "')"));
}

// True for null, false, "", 0, [] and {}.
bool is_off(const Json& value) {
  return value.is_null() || value == Json(false) || value == Json("") ||
         (value.is_structured() && value.empty());
}

void require_off(const JsonObject& object, const std::string& key) {
  if (object.has(key) && !is_off(object.value().at(key))) {
    unsupported(object, key, "plain LoRA without it");
  }
}

// Ways to begin that leave the base model as it was.
void check_beginning(const JsonObject& object) {
  const std::string key = "init_lora_weights";
  if (!object.has(key) || !object.value().at(key).is_string()) return;
  const std::set<std::string> plain = {"gaussian", "orthogonal", "eva"};
  if (!plain.contains(object.string(key))) {
    unsupported(object, key, "a beginning that keeps the base model");
  }
}

void check_kind(const JsonObject& object) {
  if (object.string("peft_type") != "LORA") {
    unsupported(object, "peft_type", "an adapter of the type LORA");
  }
  if (object.string_or("bias", "none") != "none") {
    unsupported(object, "bias", "none");
  }
  for (const auto& [key, value] : object.value().items()) {
    if (key.starts_with("use_") && key != "use_rslora") {
      require_off(object, key);
    }
  }
  for (const char* key :
       {"lora_bias", "alora_invocation_tokens", "layer_replication",
        "trainable_token_indices", "arrow_config", "corda_config",
        "lora_ga_config", "velora_config", "monteclora_config", "kasa_config",
        "loftq_config"}) {
    require_off(object, key);
  }
  check_beginning(object);
}

// A pattern is a regular expression for PEFT; here it is the end of a module's
// name, or all of it behind a "^", which is what people write.
void check_pattern(const JsonObject& object, const std::string& pattern) {
  constexpr std::string_view kSpecial = "\\[](){}|*+?$^";
  std::string_view name = pattern;
  if (name.starts_with('^')) name.remove_prefix(1);
  if (!name.empty() && name.find_first_of(kSpecial) == std::string_view::npos) {
    return;
  }
  throw Error(ErrorCode::kUnsupported,
              str_cat("[weights.lora] expected names of modules, got the "
                      "regular expression '",
                      printable(pattern, kShown), "' (", object.origin(), ")"));
}

std::map<std::string, double, std::less<>> read_pattern(
    const JsonObject& config, const std::string& key, bool is_rank) {
  std::map<std::string, double, std::less<>> out;
  if (!config.has(key)) return out;
  const JsonObject object = config.object(key);
  for (const auto& [name, value] : object.value().items()) {
    check_pattern(object, name);
    out.emplace(name,
                is_rank ? static_cast<double>(object.integer(name, 1, kMaxRank))
                        : object.number(name, 0, kMaxAlpha));
  }
  return out;
}

// Of "target_parameters", which may be null.
std::vector<std::string> read_parameters(const JsonObject& config) {
  const std::string key = "target_parameters";
  std::vector<std::string> out;
  if (!config.has(key)) return out;
  const Json& names = config.value().at(key);
  if (!names.is_array()) config.fail(key, "an array of names");
  for (const Json& name : names) {
    if (!name.is_string()) config.fail(key, "an array of names");
    out.push_back(name.get<std::string>());
  }
  return out;
}

bool matches(std::string_view pattern, std::string_view module) {
  if (pattern.starts_with('^')) return pattern.substr(1) == module;
  if (!module.ends_with(pattern)) return false;
  return module.size() == pattern.size() ||
         module[module.size() - pattern.size() - 1] == '.';
}

}  // namespace

LoraConfig LoraConfig::parse(const JsonObject& config) {
  check_kind(config);
  LoraConfig out;
  out.rank_ = static_cast<int>(config.integer("r", 1, kMaxRank));
  out.alpha_ = config.number("lora_alpha", 0, kMaxAlpha);
  out.by_root_ = config.boolean_or("use_rslora", false);
  out.ranks_ = read_pattern(config, "rank_pattern", true);
  out.alphas_ = read_pattern(config, "alpha_pattern", false);
  out.parameters_ = read_parameters(config);
  return out;
}

LoraConfig LoraConfig::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "adapter_config.json";
  const Json json = parse_json_file(path);
  return parse(JsonObject(json, path.string()));
}

// As PEFT finds them, which keeps them sorted, too: the first counts.
double LoraConfig::find(const Pattern& pattern, std::string_view module,
                        double usual) const {
  const std::string parameter = str_cat(module, ".weight");
  const bool is_parameter =
      std::any_of(parameters_.begin(), parameters_.end(),
                  [&](const auto& name) { return matches(name, parameter); });
  for (const auto& [name, value] : pattern) {
    if (matches(name, is_parameter ? std::string_view(parameter) : module)) {
      return value;
    }
  }
  return usual;
}

int LoraConfig::rank(std::string_view module) const {
  return static_cast<int>(find(ranks_, module, rank_));
}

double LoraConfig::scale(std::string_view module) const {
  const double rank = find(ranks_, module, rank_);
  return find(alphas_, module, alpha_) / (by_root_ ? std::sqrt(rank) : rank);
}

}  // namespace csm::weights
