#include "csm/nn/load_array.h"

#include <cstring>
#include <vector>

#include "csm/weights/aligned_array.h"

namespace csm::nn {

mx::Stream load_stream() { return mx::default_stream(mx::Device::cpu); }

mx::array load_array(const mx::array& x) {
  mx::array values = mx::contiguous(x, false, load_stream());
  values.eval();
  const std::vector<int> shape(x.shape().begin(), x.shape().end());
  mx::array out = weights::aligned_array(shape, x.dtype());
  std::memcpy(out.data<char>(), values.data<char>(), values.nbytes());
  return out;
}

}  // namespace csm::nn
