// Voice packs; what is wrong behind a right checksum, too.

#include <optional>
#include <string>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/engine/voice_file.h"
#include "csm/weights/safetensors.h"
#include "fuzz.h"

namespace {

using csm::str_cat;

// The checksum that a pack should have, as docs/voices.md has it.
std::string checksum(const csm::weights::SafetensorsFile& file) {
  std::string text;
  for (const auto& [key, value] : file.metadata()) {
    if (key == "sha256") continue;
    text += str_cat(key, '=', value.size(), ':', value, '\n');
  }
  for (const char* name : {"codes", "keys", "values"}) {
    const auto* tensor = file.find(name);
    if (tensor == nullptr) continue;
    text += str_cat(name, ' ', csm::weights::to_string(tensor->shape), ' ',
                    csm::sha256_hex(tensor->bytes), '\n');
  }
  return csm::sha256_hex(std::as_bytes(std::span(text)));
}

// The file with that checksum in the place of its own, if it has one.
std::optional<std::string> with_checksum(const std::filesystem::path& path,
                                         std::string file) {
  std::optional<std::string> out;
  csm::fuzz::refusable([&] {
    const csm::weights::SafetensorsFile parsed(path);
    const auto own = parsed.metadata().find("sha256");
    if (own == parsed.metadata().end() || own->second.size() != 64) return;
    const auto at = file.find(own->second);
    if (at == std::string::npos) return;
    out = file.replace(at, own->second.size(), checksum(parsed));
  });
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto path = fuzz::write_scratch("a.csmvoice", {data, size});
  fuzz::refusable([&] { (void)engine::read_voice(path); });
  const auto fixed =
      with_checksum(path, {reinterpret_cast<const char*>(data), size});
  if (!fixed) return 0;
  (void)fuzz::write_scratch(
      "a.csmvoice",
      {reinterpret_cast<const std::uint8_t*>(fixed->data()), fixed->size()});
  fuzz::refusable([&] { (void)engine::read_voice(path); });
  return 0;
}
