#include "csm/engine/quantize_model.h"

#include <string>
#include <system_error>

#include "csm/base/atomic_file.h"
#include "csm/base/atomic_folder.h"
#include "csm/base/cpu_info.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/engine/guarded.h"
#include "csm/engine/model_source.h"
#include "csm/engine/output_folder.h"
#include "csm/engine/quantized_file.h"
#include "csm/model/csm_model.h"
#include "csm/weights/quantization.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeightsFile = "model.safetensors";

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const fs::path& where) {
  throw Error(code, str_cat("[engine.quantize_model] ", what, " (",
                            where.string(), ")"));
}

[[noreturn]] void invalid(const std::string& what, const fs::path& where) {
  fail(ErrorCode::kInvalidArgument, what, where);
}

// ---- what may be written where

bool is_quantised_folder(const fs::path& folder) {
  try {
    return weights::Quantization::load(folder).has_value();
  } catch (const Error&) {
    return false;
  }
}

void check_options(const QuantizeOptions& options) {
  if (options.weight_type != WeightType::kInt8 &&
      options.weight_type != WeightType::kInt4) {
    invalid(str_cat("expected dtype int8 or int4, got ",
                    to_string(options.weight_type)),
            "dtype");
  }
  if (!weights::is_kernel_form({4, options.group})) {
    invalid(str_cat("expected groups of 32, 64 or 128 columns, got ",
                    options.group),
            "group");
  }
  check_output({.path = options.output,
                .source = options.model_dir,
                .replace = options.replace,
                .is_ours = is_quantised_folder});
}

ModelSource open_floats(const fs::path& folder) {
  ModelSource source = open_files({.model = folder});
  const weights::Layout layout = source.store.checkpoint().layout();
  if (layout != weights::Layout::kHuggingFace) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected weights in huggingface layout, got ",
                 weights::to_string(layout)),
         folder);
  }
  const WeightType stored = stored_weight_type(source);
  if (stored != WeightType::kF32) {
    invalid(str_cat("expected float weights, got ", to_string(stored),
                    " ones, which nothing is gained by quantising again"),
            folder);
  }
  return source;
}

// ---- the model in memory

// Loads everything, as an Engine does, and keeps the matrices.
QuantizedMatrices load_matrices(const QuantizeOptions& options,
                                ModelSource& source) {
  ThreadPool pool(options.threads > 0 ? options.threads : usable_cpus());
  const model::ModelConfig& config = source.config;
  constexpr int kPerLayer = 7;
  const double n_all =
      kPerLayer * (config.backbone.n_layers + config.depth.n_layers) +
      config.n_codebooks + 1;
  QuantizedMatrices matrices;
  int n_done = 0;
  const auto keep = [&](const std::string& name,
                        const kernels::Matrix& matrix) {
    matrices[name].push_back(matrix);
    if (options.progress) options.progress("quantising", ++n_done / n_all);
  };
  const nn::MatrixTarget target{.tiled = false, .pool = &pool, .taken = keep};
  (void)model::CsmModel::load(
      config, source.store,
      model::WeightPolicy::of(kernel_type(options.weight_type), target,
                              options.group));
  (void)codec::MimiDecoder::load(source.codec, source.store);
  source.store.check_all_used();
  return matrices;
}

// ---- the other files

void write_config(const fs::path& from, const fs::path& to,
                  const weights::Quantization& quantization) {
  Json config = parse_json_file(from / "config.json");
  config["quantization"] = quantization.to_json();
  // What model hubs look for.
  config["quantization_config"] = config["quantization"];
  write_file_atomically(to / "config.json", config.dump(2) + "\n");
}

QuantizeReport quantize(const QuantizeOptions& options) {
  check_options(options);
  ModelSource source = open_floats(options.model_dir);
  AtomicFolder folder(options.output);
  const QuantizedMatrices matrices = load_matrices(options, source);
  QuantizedFile file(options, matrices, source.store.checkpoint(),
                     source.store.audio_tables_tied());
  QuantizeReport report = file.report();
  if (report.n_int4 + report.n_int8 == 0) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a matrix whose rows fill groups of ", options.group,
                 " columns, got none"),
         options.model_dir);
  }
  file.write(folder.temp_path() / kWeightsFile, options);
  write_config(options.model_dir, folder.temp_path(), file.quantization());
  copy_others(options.model_dir, folder.temp_path());
  folder.commit(options.replace);
  std::error_code failed;
  report.bytes = static_cast<std::int64_t>(
      fs::file_size(options.output / kWeightsFile, failed));
  return report;
}

}  // namespace

QuantizeReport quantize_model(const QuantizeOptions& options) {
  return guarded("quantising", [&] { return quantize(options); });
}

}  // namespace csm::engine
