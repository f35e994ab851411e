#include "csm/weights/gguf_head.h"

#include <cstdint>
#include <set>
#include <string>

#include "csm/base/str_cat.h"
#include "csm/weights/gguf_keys.h"

namespace csm::weights {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;
constexpr const char* kScaling = "rope_scaling";

template <std::size_t N>
void add_integers(const Json& from, std::string_view prefix,
                  const GgufKey (&keys)[N], GgufPairs& to) {
  std::set<std::string_view> done;  // two fields may share a key
  for (const GgufKey& row : keys) {
    const auto field = from.find(row.field);
    if (field == from.end() || !field->is_number_integer()) continue;
    if (!done.insert(row.key).second) continue;
    to.add_u32(str_cat(prefix, row.key), field->get<std::uint32_t>());
  }
}

template <std::size_t N>
void add_numbers(const Json& from, std::string_view prefix,
                 const GgufKey (&keys)[N], GgufPairs& to) {
  for (const GgufKey& row : keys) {
    const auto field = from.find(row.field);
    if (field == from.end() || !field->is_number()) continue;
    to.add_f32(str_cat(prefix, row.key), field->get<float>());
  }
}

void add_llama(const Json& config, const std::string& part, GgufPairs& to) {
  add_integers(config, part, kGgufLlamaKeys, to);
  add_numbers(config, part, kGgufLlamaNumbers, to);
  const std::string prefix = part + "rope_scaling.";
  const Json scaling = config.value(kScaling, Json());
  if (scaling.is_object()) {
    add_numbers(scaling, prefix, kGgufScalingNumbers, to);
    add_integers(scaling, prefix, kGgufScalingKeys, to);
  } else {
    to.add_f32(prefix + "factor", 1.0F);
  }
}

}  // namespace

GgufPairs gguf_pairs(const Json& config, std::string_view name,
                     std::uint32_t file_type) {
  GgufPairs out;
  out.add_string("general.architecture", "csm-tts");
  out.add_string("general.name", name);
  out.add_u32("general.quantization_version", kQuantizationVersion);
  out.add_u32("general.file_type", file_type);
  add_integers(config, "csm.", kGgufModelKeys, out);
  add_llama(config, "csm.backbone.", out);
  add_llama(config.at("depth_decoder_config"), "csm.depth.", out);
  const Json& codec = config.at("codec_config");
  add_integers(codec, "csm.mimi.", kGgufMimiKeys, out);
  add_numbers(codec, "csm.mimi.", kGgufMimiNumbers, out);
  return out;
}

}  // namespace csm::weights
