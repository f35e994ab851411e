// A file of weights: header, views, names, conversion.

#include <vector>

#include "csm/weights/checkpoint.h"
#include "csm/weights/read_tensor.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto path = fuzz::write_scratch("model.safetensors", {data, size});
  fuzz::refusable([&] {
    const auto checkpoint = weights::Checkpoint::open(path);
    for (const auto& named : checkpoint.tensors()) {
      const weights::SourceTensor& tensor = named.second;
      fuzz::touch(tensor.view.bytes);
      const auto n = tensor.view.n_values();
      if (!weights::is_readable(tensor.view.dtype) || n == 0) continue;
      fuzz::refusable([&] {
        (void)weights::read_values(tensor, 0, {static_cast<int>(n)},
                                   mlx::core::float32);
      });
    }
  });
  return 0;
}
