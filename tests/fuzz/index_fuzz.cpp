// An index over shards: whatever it says, only files beside it are opened.

#include <string_view>

#include "csm/hub/choose_files.h"
#include "csm/weights/checkpoint.h"
#include "fuzz.h"

namespace {

// A shard with one tensor "<name>" of two bytes.
void write_shard(char name) {
  std::string text = R"({"?":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  text[2] = name;
  std::string file(8, '\0');
  file[0] = static_cast<char>(text.size());
  file += text + "ab";
  (void)csm::fuzz::write_scratch(
      std::string(1, name) + ".safetensors",
      {reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  static const bool shards = [] {
    for (const char name : {'x', 'y'}) write_shard(name);
    return true;
  }();
  (void)shards;
  const auto path =
      fuzz::write_scratch("model.safetensors.index.json", {data, size});
  fuzz::refusable([&] {
    const auto checkpoint = weights::Checkpoint::open(path);
    for (const auto& [name, tensor] : checkpoint.tensors()) {
      fuzz::touch(tensor.view.bytes);
    }
  });
  fuzz::refusable([&] {
    (void)hub::shards_of({reinterpret_cast<const char*>(data), size}, "index");
  });
  return 0;
}
