#include "csm/engine/convert_model.h"

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "csm/base/atomic_file.h"
#include "csm/base/atomic_folder.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/convert_config.h"
#include "csm/engine/convert_gguf.h"
#include "csm/engine/converted_file.h"
#include "csm/engine/guarded.h"
#include "csm/engine/model_source.h"
#include "csm/engine/output_folder.h"
#include "csm/model/model_config.h"
#include "csm/weights/convert.h"
#include "csm/weights/ggml_quantize.h"
#include "csm/weights/safetensors_writer.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

using weights::Dtype;
using weights::Layout;

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kGgufFile = "model.gguf";
// As kyutai's repository calls it.
constexpr const char* kCodecFile =
    "tokenizer-e351c8d8-checkpoint125.safetensors";

[[noreturn]] void invalid(const std::string& what, const std::string& where) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[engine.convert_model] ", what, " (", where, ")"));
}

bool is_model_folder(const fs::path& folder) {
  try {
    if (fs::exists(folder / kGgufFile)) return true;
    (void)model::ModelConfig::load(folder);
    return fs::exists(folder / kModelFile);
  } catch (const Error&) {
    return false;
  }
}

void check_options(const ConvertOptions& options) {
  const bool gguf = options.layout == Layout::kCsmTts;
  if (!gguf && options.layout != Layout::kHuggingFace &&
      options.layout != Layout::kOriginal && options.layout != Layout::kMlx) {
    invalid(str_cat("expected layout huggingface, original, mlx or csm-tts, "
                    "got ",
                    weights::to_string(options.layout)),
            "layout");
  }
  const auto& dtype = options.dtype;
  if (dtype && !weights::is_convertible(*dtype) &&
      !(gguf && weights::is_quantizable_to(*dtype))) {
    invalid(str_cat("expected dtype f32, f16 or bf16, or q8_0 or q4_0 in a "
                    "GGUF file, got ",
                    weights::to_string(*dtype)),
            "dtype");
  }
  check_output({.path = options.output,
                .source = options.files.folder(),
                .replace = options.replace,
                .is_ours = is_model_folder});
}

// What transformers needs to know beside tokenizer.json.
Json tokenizer_config() {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"processor_class", "CsmProcessor"},
          {"bos_token", "<|begin_of_text|>"},
          {"eos_token", "<|end_of_text|>"},
          {"pad_token", "<|AUDIO|>"},
          {"model_input_names", {"input_ids", "attention_mask"}}};
}

void write_json(const fs::path& path, const Json& json) {
  write_file_atomically(path, json.dump(2) + "\n");
}

// Nothing if there is none.
std::optional<Json> find_tokenizer(const ConvertOptions& options,
                                   const ModelSource& source) {
  try {
    return tokenizer_json(source.store, options.files, source.config);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
}

// The file itself where it is what is used.
void write_tokenizer(const ConvertOptions& options, const Json& tokenizer,
                     const fs::path& folder) {
  const fs::path path = folder / "tokenizer.json";
  if (!fs::exists(path) || parse_json_file(path) != tokenizer) {
    write_json(path, tokenizer);
  }
  const fs::path config = folder / "tokenizer_config.json";
  if (options.layout == Layout::kHuggingFace && !fs::exists(config)) {
    write_json(config, tokenizer_config());
  }
}

// The files of weights, and the layout of each.
std::vector<std::pair<const char*, Layout>> files_of_layout(Layout layout) {
  if (layout == Layout::kHuggingFace) return {{kModelFile, layout}};
  if (layout == Layout::kCsmTts) return {{kGgufFile, layout}};
  return {{kModelFile, layout}, {kCodecFile, Layout::kKyutai}};
}

Dtype matrix_type(std::span<const weights::TensorPlan> plans) {
  const auto gate = std::find_if(
      plans.begin(), plans.end(), [](const weights::TensorPlan& plan) {
        return weights::canonical_name(Layout::kCsmTts, plan.name) ==
               "bb.0.gate";
      });
  return gate != plans.end() ? gate->dtype : Dtype::kF32;
}

std::unique_ptr<weights::TensorWriter> writer_of(
    const ConvertOptions& options, const ModelSource& source,
    const std::optional<Json>& tokenizer, const fs::path& path,
    std::span<const weights::TensorPlan> plans) {
  if (options.layout == Layout::kCsmTts) {
    return std::make_unique<weights::GgufWriter>(
        path, plans,
        gguf_head(source, tokenizer, options.files.folder().filename().string(),
                  matrix_type(plans)));
  }
  const char* format = options.layout == Layout::kMlx ? "mlx" : "pt";
  return std::make_unique<weights::SafetensorsWriter>(
      path, plans, std::map<std::string, std::string>{{"format", format}});
}

void write_weights(const ConvertOptions& options, ModelSource& source,
                   const std::optional<Json>& tokenizer, const fs::path& folder,
                   ConvertReport& report) {
  std::vector<ConvertedFile> files;
  std::size_t all = 0;
  for (const auto& [name, layout] : files_of_layout(options.layout)) {
    files.emplace_back(source, layout, options.dtype);
    report.files.push_back({name, files.back().n_tensors(), 0});
    all += files.back().bytes();
  }
  require_space(folder, all, options.output);
  std::size_t done = 0;
  const auto written = [&](std::size_t bytes) {
    done += bytes;
    if (options.progress) {
      options.progress("writing",
                       static_cast<double>(done) / static_cast<double>(all));
    }
  };
  for (std::size_t i = 0; i < files.size(); ++i) {
    ConvertReport::File& file = report.files[i];
    const fs::path path = folder / file.name;
    const auto writer =
        writer_of(options, source, tokenizer, path, files[i].plans());
    files[i].write(*writer, written);
    file.bytes = static_cast<std::int64_t>(fs::file_size(path));
  }
}

// A GGUF file says it all.
void write_config(const ConvertOptions& options, const ModelSource& source,
                  const fs::path& folder) {
  if (options.layout == Layout::kCsmTts) {
    check_gguf(folder / kGgufFile, source);
    return;
  }
  write_json(
      folder / "config.json",
      converted_config(read_documents(source.store, options.files),
                       source.config, source.codec,
                       source.store.audio_tables_tied(), options.layout));
}

ConvertReport convert(const ConvertOptions& options) {
  check_options(options);
  ModelSource source = open_files(options.files, {.tokenizer = false});
  AtomicFolder folder(options.output);
  ConvertReport report{.files = {}, .from = source.store.checkpoint().layout()};
  const auto tokenizer = find_tokenizer(options, source);
  report.has_tokenizer = tokenizer.has_value();
  write_weights(options, source, tokenizer, folder.temp_path(), report);
  source.store.check_all_used();
  write_config(options, source, folder.temp_path());
  copy_others(options.files.folder(), folder.temp_path());
  if (tokenizer) write_tokenizer(options, *tokenizer, folder.temp_path());
  folder.commit(options.replace);
  return report;
}

}  // namespace

ConvertReport convert_model(const ConvertOptions& options) {
  return guarded("converting", [&] { return convert(options); });
}

}  // namespace csm::engine
