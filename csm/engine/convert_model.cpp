#include "csm/engine/convert_model.h"

#include <system_error>

#include "csm/base/atomic_file.h"
#include "csm/base/atomic_folder.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/convert_config.h"
#include "csm/engine/converted_file.h"
#include "csm/engine/guarded.h"
#include "csm/engine/model_source.h"
#include "csm/engine/output_folder.h"
#include "csm/model/model_config.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

using weights::Layout;

constexpr const char* kModelFile = "model.safetensors";
// As kyutai's repository calls it.
constexpr const char* kCodecFile =
    "tokenizer-e351c8d8-checkpoint125.safetensors";

[[noreturn]] void invalid(const std::string& what, const std::string& where) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[engine.convert_model] ", what, " (", where, ")"));
}

bool is_model_folder(const fs::path& folder) {
  try {
    (void)model::ModelConfig::load(folder);
    return fs::exists(folder / kModelFile);
  } catch (const Error&) {
    return false;
  }
}

void check_options(const ConvertOptions& options) {
  if (options.layout != Layout::kHuggingFace &&
      options.layout != Layout::kOriginal && options.layout != Layout::kMlx) {
    invalid(str_cat("expected layout huggingface, original or mlx, got ",
                    weights::to_string(options.layout)),
            "layout");
  }
  if (options.dtype && *options.dtype != weights::Dtype::kF32 &&
      *options.dtype != weights::Dtype::kF16 &&
      *options.dtype != weights::Dtype::kBf16) {
    invalid(str_cat("expected dtype f32, f16 or bf16, got ",
                    weights::to_string(*options.dtype)),
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

// The file itself where it is what is used. False: there is none.
bool write_tokenizer(const ConvertOptions& options, const ModelSource& source,
                     const fs::path& folder) {
  const fs::path path = folder / "tokenizer.json";
  try {
    const Json json =
        tokenizer_json(source.store, options.files, source.config);
    if (!fs::exists(path) || parse_json_file(path) != json) {
      write_json(path, json);
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return false;
    throw;
  }
  const fs::path config = folder / "tokenizer_config.json";
  if (options.layout == Layout::kHuggingFace && !fs::exists(config)) {
    write_json(config, tokenizer_config());
  }
  return true;
}

// The files of weights, and the layout of each.
std::vector<std::pair<const char*, Layout>> files_of_layout(Layout layout) {
  if (layout == Layout::kHuggingFace) return {{kModelFile, layout}};
  return {{kModelFile, layout}, {kCodecFile, Layout::kKyutai}};
}

void write_weights(const ConvertOptions& options, ModelSource& source,
                   const fs::path& folder, ConvertReport& report) {
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
    files[i].write(folder / file.name, written);
    file.bytes = static_cast<std::int64_t>(fs::file_size(folder / file.name));
  }
}

ConvertReport convert(const ConvertOptions& options) {
  check_options(options);
  ModelSource source = open_files(options.files, {.tokenizer = false});
  AtomicFolder folder(options.output);
  ConvertReport report{.files = {}, .from = source.store.checkpoint().layout()};
  write_weights(options, source, folder.temp_path(), report);
  source.store.check_all_used();
  write_json(
      folder.temp_path() / "config.json",
      converted_config(read_documents(source.store, options.files),
                       source.config, source.codec,
                       source.store.audio_tables_tied(), options.layout));
  copy_others(options.files.folder(), folder.temp_path());
  report.has_tokenizer = write_tokenizer(options, source, folder.temp_path());
  folder.commit(options.replace);
  return report;
}

}  // namespace

ConvertReport convert_model(const ConvertOptions& options) {
  return guarded("converting", [&] { return convert(options); });
}

}  // namespace csm::engine
