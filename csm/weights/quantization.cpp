#include "csm/weights/quantization.h"

#include <cstdint>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr const char* kKeys[] = {"quantization", "quantization_config"};
constexpr std::int64_t kMaxNumber = 1 << 20;

[[noreturn]] void unsupported(const std::string& what,
                              const std::string& where) {
  throw Error(ErrorCode::kUnsupported,
              str_cat("[weights.quantization] ", what, " (", where, ")"));
}

// MLX's other modes have no biases.
void require_affine(const JsonObject& object) {
  const std::string mode = object.string_or("mode", "affine");
  if (mode != "affine") {
    unsupported(str_cat("expected mode affine, integers with scales and "
                        "biases, got ",
                        printable(mode, 40)),
                str_cat(object.origin(), ": field 'mode'"));
  }
}

AffineForm read_form(const JsonObject& object) {
  require_affine(object);
  return checked_form(object.integer_or("bits", 0, kMaxNumber, 4),
                      object.integer_or("group_size", 0, kMaxNumber, 64),
                      object.origin());
}

Quantization read_quantization(const JsonObject& object) {
  if (object.has("quant_method") && !object.has("group_size")) {
    unsupported(str_cat("expected weights that MLX quantised, got method '",
                        printable(object.string("quant_method"), 40), "'"),
                str_cat(object.origin(), ": field 'quant_method'"));
  }
  Quantization out{.form = read_form(object), .modules = {}};
  for (const auto& [name, value] : object.value().items()) {
    if (value.is_object()) {
      out.modules.emplace(name, read_form(object.object(name)));
    } else if (value.is_boolean()) {
      out.modules.emplace(name, value.get<bool>()
                                    ? std::optional<AffineForm>(out.form)
                                    : std::nullopt);
    }
  }
  return out;
}

Json form_json(AffineForm form) {
  return {{"bits", form.bits}, {"group_size", form.group}};
}

}  // namespace

std::string to_string(AffineForm form) {
  return str_cat(form.bits, " bits in groups of ", form.group);
}

std::optional<std::string> module_of(std::string_view tensor) {
  constexpr std::string_view kWeight = ".weight";
  if (!tensor.ends_with(kWeight)) return std::nullopt;
  return std::string(tensor.substr(0, tensor.size() - kWeight.size()));
}

AffineForm widened_form(AffineForm form) {
  AffineForm out = {form.bits <= 4 ? 4 : 8, form.group};
  for (const int group : {32, 64, 128}) {
    if (form.group % group == 0) out.group = group;
  }
  return out;
}

bool is_kernel_form(AffineForm form) {
  return (form.bits == 4 || form.bits == 8) &&
         (form.group == 32 || form.group == 64 || form.group == 128);
}

AffineForm checked_form(std::int64_t bits, std::int64_t group,
                        const std::string& where) {
  if (bits < 2 || bits > 8 || bits == 7) {
    unsupported(
        str_cat("expected weights of 2, 3, 4, 5, 6 or 8 bits, got ", bits),
        where);
  }
  if (group < 8 || group > kMaxNumber || group % 8 != 0) {
    unsupported(
        str_cat("expected groups of a multiple of 8 columns, got ", group),
        where);
  }
  return {static_cast<int>(bits), static_cast<int>(group)};
}

std::optional<AffineForm> Quantization::of(std::string_view module) const {
  constexpr std::string_view kPrefix = "model.";
  const std::string_view bare =
      module.starts_with(kPrefix) ? module.substr(kPrefix.size()) : module;
  for (const std::string& name : {std::string(bare), str_cat(kPrefix, bare)}) {
    const auto it = modules.find(name);
    if (it != modules.end()) return it->second;
  }
  return form;
}

std::optional<Quantization> Quantization::parse(const JsonObject& config) {
  std::optional<Quantization> out;
  for (const char* key : kKeys) {
    if (!config.has(key)) continue;
    Quantization found = read_quantization(config.object(key));
    if (out && (out->form != found.form || out->modules != found.modules)) {
      config.fail(key, str_cat("the same as field '", kKeys[0], "'"));
    }
    out = std::move(found);
  }
  return out;
}

std::optional<Quantization> Quantization::load(
    const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / "config.json";
  const Json json = parse_json_file(path);
  return parse(JsonObject(json, path.string()));
}

Json Quantization::to_json() const {
  Json json = form_json(form);
  json["mode"] = "affine";
  for (const auto& [name, module] : modules) {
    json[name] = module ? form_json(*module) : Json(false);
  }
  return json;
}

}  // namespace csm::weights
