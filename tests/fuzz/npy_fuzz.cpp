// Arrays of NumPy.

#include "csm/weights/npy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto path = fuzz::write_scratch("a.npy", {data, size});
  fuzz::refusable([&] { (void)weights::read_npy_i32(path); });
  fuzz::refusable([&] { (void)weights::read_npy_f32(path); });
  return 0;
}
