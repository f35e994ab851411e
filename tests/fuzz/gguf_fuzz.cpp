// A GGUF file: head, views, blocks, configuration and tokenizer.

#include <vector>

#include "csm/codec/mimi_config.h"
#include "csm/model/model_config.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/read_tensor.h"
#include "fuzz.h"

namespace {

void read_values(const csm::weights::SourceTensor& tensor) {
  using namespace csm;
  fuzz::touch(tensor.view.bytes);
  const auto n = tensor.view.n_values();
  if (!weights::is_readable(tensor.view.dtype) || n == 0) return;
  fuzz::refusable([&] {
    (void)weights::read_values(tensor, 0, {static_cast<int>(n)},
                               mlx::core::float32);
  });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto path = fuzz::write_scratch("model.gguf", {data, size});
  fuzz::refusable([&] {
    const auto checkpoint = weights::Checkpoint::open(path);
    for (const auto& [name, tensor] : checkpoint.tensors()) {
      read_values(tensor);
    }
    fuzz::refusable([&] {
      const auto config = checkpoint.config();
      if (!config) return;
      const JsonObject object(*config, "gguf");
      (void)model::ModelConfig::parse(object, checkpoint.layout());
      (void)codec::MimiConfig::parse(object.object("codec_config"));
    });
    fuzz::refusable([&] {
      const auto json = checkpoint.tokenizer();
      if (!json) return;
      const auto tokenizer = text::Tokenizer::parse({*json, "gguf"});
      (void)tokenizer.encode("[0]Hello there.", /*add_special=*/true);
    });
  });
  return 0;
}
