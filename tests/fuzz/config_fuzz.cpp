// config.json and generation_config.json, in all that read them.

#include "csm/base/json.h"
#include "csm/codec/mimi_config.h"
#include "csm/model/generation_defaults.h"
#include "csm/model/model_config.h"
#include "csm/weights/quantization.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  using weights::Layout;
  fuzz::refusable([&] {
    const Json json =
        parse_json({reinterpret_cast<const char*>(data), size}, "config");
    const JsonObject config(json, "config");
    for (const Layout layout : {Layout::kHuggingFace, Layout::kOriginal,
                                Layout::kMlx, Layout::kCsmTts}) {
      fuzz::refusable(
          [&] { (void)model::ModelConfig::parse(config, layout).to_string(); });
    }
    fuzz::refusable([&] {
      (void)codec::MimiConfig::parse(config.object("codec_config"))
          .frame_samples();
    });
    fuzz::refusable([&] { (void)codec::MimiConfig::parse(config); });
    fuzz::refusable([&] {
      const auto quantization = weights::Quantization::parse(config);
      if (quantization) (void)quantization->of("backbone.norm");
    });
  });
  const auto path = fuzz::write_scratch("generation_config.json", {data, size});
  fuzz::refusable(
      [&] { (void)model::GenerationDefaults::load(path.parent_path(), 32); });
  return 0;
}
