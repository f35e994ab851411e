#include "csm/engine/runtime.h"

#include "csm/base/cpu_info.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::engine {
namespace {

mx::Stream make_stream(DeviceKind kind) {
  const mx::Device device(kind == DeviceKind::kGpu ? mx::Device::gpu
                                                   : mx::Device::cpu);
  if (!mx::is_available(device)) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[engine] expected a ", to_string(kind),
                        " that MLX can use, found none (device)"));
  }
  return mx::new_stream(device);
}

}  // namespace

Runtime Runtime::make(const EngineOptions& options) {
  const mx::Stream stream = make_stream(options.device);
  auto pool = std::make_unique<ThreadPool>(options.threads > 0 ? options.threads
                                                               : usable_cpus());
  const kernels::Exec exec{.stream = stream,
                           .pool = pool.get(),
                           .composed = options.composed,
                           .eager = true};
  return {.pool = std::move(pool), .exec = exec};
}

mx::Dtype codec_weights(const EngineOptions& options,
                        const kernels::Exec& exec) {
  return options.weight_type == WeightType::kF32 || !exec.use_cpu_kernels()
             ? mx::float32
             : mx::bfloat16;
}

}  // namespace csm::engine
