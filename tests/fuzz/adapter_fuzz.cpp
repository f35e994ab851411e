// adapter_config.json of LoRA adapters.

#include "csm/base/json.h"
#include "csm/weights/lora_config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  fuzz::refusable([&] {
    const Json json =
        parse_json({reinterpret_cast<const char*>(data), size}, "adapter");
    const auto config = weights::LoraConfig::parse(JsonObject(json, "adapter"));
    for (const char* module :
         {"lm_head", "backbone_model.layers.0.self_attn.q_proj",
          "depth_decoder.codebooks_head"}) {
      (void)config.rank(module);
      (void)config.scale(module);
    }
  });
  return 0;
}
